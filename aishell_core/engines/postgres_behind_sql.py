"""The question to a PostgreSQL server which functions may stand behind a statement, from its catalogs alone.

Nothing of the statement is parsed by the server for it: reading a literal of some types already runs a function.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from aishell_core.engines.postgres_behind import Names
from aishell_core.engines.postgres_text import text_literal

PATH = "SET /* aishell */ LOCAL search_path = DEFAULT; SELECT /* aishell */ pg_catalog.unnest(pg_catalog.current_schemas(true))"
"""The schemas in which a session's own names are looked up."""

# A walk from the names over everything that they lead to. Expressions are kept as trees with the numbers of the functions,
# operators, types and tables in them; pg_depend leaves out those of the server's own. Objects that a server was made with
# have numbers below 16384. Which field of a tree holds a number differs from version to version, and some hold lists, so
# every number of a tree that somebody's object has counts; of the server's own only what a known field holds.
# OFFSET 0 keeps each part a look-up of the few things that are asked about: the planner expects far more of a recursion.
_BEHIND = r"""
WITH /* aishell */ RECURSIVE
path (oid) AS MATERIALIZED (SELECT oid FROM pg_namespace WHERE nspname = ANY (:schemas) OR nspname LIKE 'pg_temp_%'),
made_cast AS MATERIALIZED (SELECT castsource, casttarget, castfunc FROM pg_cast WHERE oid >= 16384 AND castfunc <> 0),
made_support AS MATERIALIZED (
    SELECT amproclefttype AS lefttype, amprocrighttype AS righttype, amproc::oid AS oid FROM pg_amproc WHERE oid >= 16384
),
made_member AS MATERIALIZED (
    SELECT amoplefttype AS lefttype, amoprighttype AS righttype, amopopr AS oid FROM pg_amop WHERE oid >= 16384
),
thing (kind, oid, way, about_kind, about) AS (
    SELECT seed.kind, seed.oid, seed.way, '', 0::oid
    FROM (
        SELECT 'relation' AS kind, c.oid, '' AS way FROM pg_class c JOIN path p ON p.oid = c.relnamespace
        WHERE c.relname = ANY (:names) AND c.oid >= 16384
        UNION ALL
        SELECT 'type', t.oid, '' FROM pg_type t JOIN path p ON p.oid = t.typnamespace WHERE t.typname = ANY (:names) AND t.oid >= 16384
        UNION ALL
        SELECT 'function', p.oid, 'called' FROM pg_proc p JOIN path ON path.oid = p.pronamespace WHERE p.proname = ANY (:called)
        UNION ALL
        SELECT 'function', oid, 'called' FROM pg_proc
        WHERE proname = ANY (:syntax) AND pronamespace = 'pg_catalog'::regnamespace AND oid >= 16384
        UNION ALL
        SELECT 'function', p.oid, 'field'
        FROM pg_proc p JOIN path ON path.oid = p.pronamespace
        JOIN pg_type t ON t.oid = p.proargtypes[0]
        WHERE p.proname = ANY (:names) AND p.oid >= 16384 AND p.pronargs - p.pronargdefaults <= 1
          AND (t.typtype IN ('c', 'p') OR t.typtype = 'd' AND t.typbasetype >= 16384)
        UNION ALL
        SELECT 'operator', o.oid, '' FROM pg_operator o JOIN path p ON p.oid = o.oprnamespace WHERE o.oprname = ANY (:operators)
        UNION ALL SELECT 'function', castfunc, 'cast' FROM made_cast WHERE castsource < 16384 AND casttarget < 16384
        UNION ALL SELECT 'function', oid, 'operator' FROM made_support WHERE lefttype < 16384 AND righttype < 16384
        UNION ALL SELECT 'operator', oid, '' FROM made_member WHERE lefttype < 16384 AND righttype < 16384
    ) seed
    UNION
    SELECT further.kind, further.oid, further.way, further.about_kind, further.about
    FROM thing w CROSS JOIN LATERAL (
        SELECT 'relation' AS kind, inhrelid AS oid, '' AS way, '' AS about_kind, 0::oid AS about
        FROM pg_inherits WHERE w.kind = 'relation' AND inhparent = w.oid
        UNION ALL SELECT 'ancestor', inhparent, '', '', 0 FROM pg_inherits WHERE w.kind IN ('relation', 'ancestor') AND inhrelid = w.oid
        UNION ALL SELECT 'type', atttypid, '', '', 0 FROM pg_attribute WHERE w.kind = 'relation' AND attrelid = w.oid
        UNION ALL
        SELECT 'type', part.oid, '', '', 0
        FROM pg_type t CROSS JOIN LATERAL (
            VALUES (t.typbasetype), (t.typelem), (t.typarray)
            UNION ALL SELECT atttypid FROM pg_attribute WHERE t.typrelid <> 0 AND attrelid = t.typrelid
        ) part (oid)
        WHERE w.kind = 'type' AND t.oid = w.oid
        UNION ALL
        SELECT part.kind, part.oid, part.way, CASE part.kind WHEN 'function' THEN 'type' ELSE '' END,
            CASE part.kind WHEN 'function' THEN w.oid ELSE 0 END
        FROM pg_range g CROSS JOIN LATERAL (
            VALUES ('type', g.rngtypid, ''), ('type', g.rngmultitypid, ''), ('type', g.rngsubtype, ''),
                ('function', g.rngsubdiff::oid, 'operator'), ('function', g.rngcanonical::oid, 'operator')
        ) part (kind, oid, way)
        WHERE w.kind = 'type' AND w.oid IN (g.rngtypid, g.rngmultitypid)
        UNION ALL SELECT 'function', castfunc, 'cast', '', 0 FROM made_cast WHERE w.kind = 'type' AND w.oid IN (castsource, casttarget)
        UNION ALL
        SELECT 'function', m.oid, 'operator', '', 0 FROM made_support m WHERE w.kind = 'type' AND w.oid IN (m.lefttype, m.righttype)
        UNION ALL SELECT 'operator', m.oid, '', '', 0 FROM made_member m WHERE w.kind = 'type' AND w.oid IN (m.lefttype, m.righttype)
        UNION ALL
        SELECT part.kind, part.oid, part.way, w.about_kind, w.about
        FROM pg_operator o CROSS JOIN LATERAL (
            VALUES ('operator', o.oprcom, ''), ('operator', o.oprnegate, ''),
                ('function', CASE WHEN o.oid >= 16384 THEN o.oprcode::oid END, 'operator'),
                ('type', o.oprleft, ''), ('type', o.oprright, ''), ('type', o.oprresult, '')
        ) part (kind, oid, way)
        WHERE w.kind = 'operator' AND o.oid = w.oid
        UNION ALL
        SELECT 'type', part.oid, '', '', 0
        FROM pg_proc p CROSS JOIN unnest(p.prorettype || coalesce(p.proallargtypes, p.proargtypes::oid[])) part (oid)
        WHERE w.kind = 'function' AND w.oid >= 16384 AND p.oid = w.oid
        UNION ALL
        SELECT part.kind, part.oid, '', '', 0
        FROM pg_aggregate a CROSS JOIN LATERAL (
            VALUES ('type', a.aggtranstype), ('type', a.aggmtranstype), ('operator', a.aggsortop)
        ) part (kind, oid)
        WHERE w.kind = 'function' AND w.oid >= 16384 AND a.aggfnoid = w.oid
        UNION ALL
        SELECT found.kind, found.oid, CASE found.kind WHEN 'function' THEN tree.way ELSE '' END,
            CASE WHEN found.kind IN ('function', 'operator') THEN tree.about_kind ELSE '' END,
            CASE WHEN found.kind IN ('function', 'operator') THEN w.oid ELSE 0 END
        FROM (
            SELECT concat(r.ev_action::text, r.ev_qual::text) AS tree, 'called' AS way, 'relation' AS about_kind
            FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class AND c.relkind <> 'm' WHERE w.kind = 'relation' AND r.ev_class = w.oid
            UNION ALL
            SELECT concat(polqual::text, polwithcheck::text), 'called', 'relation'
            FROM pg_policy WHERE w.kind = 'relation' AND polrelid = w.oid
            UNION ALL
            SELECT conbin::text, 'called', 'relation' FROM pg_constraint WHERE w.kind = 'relation' AND conrelid = w.oid AND contype = 'c'
            UNION ALL SELECT adbin::text, 'called', 'relation' FROM pg_attrdef WHERE w.kind = 'relation' AND adrelid = w.oid
            UNION ALL
            SELECT concat(indexprs::text, indpred::text), 'called', 'relation' FROM pg_index WHERE w.kind = 'relation' AND indrelid = w.oid
            UNION ALL SELECT stxexprs::text, 'called', 'relation' FROM pg_statistic_ext WHERE w.kind = 'relation' AND stxrelid = w.oid
            UNION ALL
            SELECT partexprs::text, 'called', 'relation'
            FROM pg_partitioned_table WHERE w.kind IN ('relation', 'ancestor') AND partrelid = w.oid
            UNION ALL SELECT relpartbound::text, 'called', 'relation' FROM pg_class WHERE w.kind IN ('relation', 'ancestor') AND oid = w.oid
            UNION ALL SELECT conbin::text, 'type', 'type' FROM pg_constraint WHERE w.kind = 'type' AND contypid = w.oid
            UNION ALL SELECT typdefaultbin::text, 'called', 'type' FROM pg_type WHERE w.kind = 'type' AND oid = w.oid
            UNION ALL
            SELECT proargdefaults::text, 'called', 'function' FROM pg_proc WHERE w.kind = 'function' AND w.oid >= 16384 AND oid = w.oid
            OFFSET 0
        ) tree
        CROSS JOIN LATERAL (
            SELECT any_of.kind, any_of.oid
            FROM (
                SELECT DISTINCT CASE WHEN m[1]::bigint BETWEEN 16384 AND 4294967295 THEN m[1]::bigint::oid END AS oid
                FROM regexp_matches(tree.tree, '\m(\d{5,10})\M', 'g') m
                OFFSET 0
            ) number
            CROSS JOIN LATERAL (
                SELECT 'relation' AS kind, c.oid FROM pg_class c WHERE c.oid = number.oid
                UNION ALL SELECT 'type', t.oid FROM pg_type t WHERE t.oid = number.oid
                UNION ALL SELECT 'function', p.oid FROM pg_proc p WHERE p.oid = number.oid
                UNION ALL SELECT 'operator', o.oid FROM pg_operator o WHERE o.oid = number.oid
                OFFSET 0
            ) any_of
            UNION ALL
            SELECT CASE WHEN m[1] IN ('opno', 'eqop', 'sortop') THEN 'operator' ELSE 'function' END, m[2]::oid
            FROM regexp_matches(tree.tree, ':(funcid|aggfnoid|winfnoid|\w+InRangeFunc|opno|eqop|sortop) (\d{1,5})\M', 'g') m
            UNION ALL
            SELECT 'operator', number::oid
            FROM regexp_matches(tree.tree, ':opnos \(o ([\d ]+)\)', 'g') m CROSS JOIN regexp_split_to_table(m[1], ' ') number
        ) found
        WHERE tree.tree <> ''
        OFFSET 0
    ) further
    WHERE further.oid >= 16384 OR (further.oid <> 0 AND further.kind = 'function' AND further.way IN ('called', 'type'))
       OR (further.kind = 'operator' AND further.about <> 0)
)
SELECT to_json(found)::text FROM (
SELECT p.oid >= 16384 AS made, p.proname::text AS name, p.oid::regprocedure::text AS signature, c.way,
    CASE c.about_kind
        WHEN 'relation' THEN c.about::regclass::text
        WHEN 'type' THEN c.about::regtype::text
        WHEN 'function' THEN c.about::regprocedure::text
        ELSE ''
    END AS about,
    p.provolatile = 'v' AS volatile, p.provolatile = 'i' AS immutable, p.proretset AS rows, p.prokind IN ('a', 'w') AS folds,
    l.lanname::text AS language,
    coalesce((
        SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
        WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
    )::text, '') AS extension,
    coalesce((SELECT r.rolsuper FROM pg_roles r WHERE r.oid = p.proowner), false) AS by_superuser
FROM (SELECT DISTINCT oid, way, about_kind, about FROM thing WHERE kind = 'function') c
JOIN pg_proc p ON p.oid = c.oid JOIN pg_language l ON l.oid = p.prolang
UNION ALL
SELECT true, c.relname::text, c.oid::regclass::text, 'foreign', '',
    EXISTS (SELECT FROM unnest(t.ftoptions || s.srvoptions) o WHERE o LIKE 'use\_remote\_estimate=%' AND lower(o) NOT LIKE '%=f%'),
    false, false, false, w.fdwname::text,
    coalesce((
        SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
        WHERE d.classid = 'pg_foreign_data_wrapper'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_extension'::regclass
    )::text, ''), false
FROM (SELECT DISTINCT oid FROM thing WHERE kind = 'relation') r JOIN pg_class c ON c.oid = r.oid
JOIN pg_foreign_table t ON t.ftrelid = c.oid
JOIN pg_foreign_server s ON s.oid = t.ftserver JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
) found
"""


_OF_SYNTAX = (
    *("timezone", "similar_escape", "similar_to_escape", "like_escape", "overlaps", "substring", "position", "overlay", "btrim", "ltrim"),
    *("rtrim", "normalize", "is_normalized", "extract", "date_part", "xmlexists", "pg_collation_for"),
)
"""Functions of pg_catalog that a statement calls by words such as AT TIME ZONE."""
_PLACE = re.compile(r":(schemas|names|called|operators|syntax)\b")


def behind_question(schemas: Iterable[str], names: Names) -> str:
    """The question for the names of a statement, in one message that changes no setting for the next one.

    Its settings hold through a pooler too that lends its connections for a single message: names are looked up in
    pg_catalog alone, and nothing is compiled, which would take longer than the question.
    """
    lists = {
        "schemas": (*schemas, *names.all),
        "names": names.all,
        "called": names.called,
        "operators": names.operators,
        "syntax": _OF_SYNTAX,
    }
    question = _PLACE.sub(lambda place: _array(lists[place[1]]), _BEHIND)
    return f"SET /* aishell */ LOCAL search_path = pg_catalog; SET /* aishell */ LOCAL jit = off; {question}"


def _array(texts: Iterable[str]) -> str:
    return "ARRAY[" + ", ".join(text_literal(each) for each in dict.fromkeys(texts)) + "]::text[]"
