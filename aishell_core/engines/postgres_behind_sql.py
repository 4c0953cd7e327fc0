"""The question to a PostgreSQL server which functions may stand behind a statement, from its catalogs alone.

Nothing of the statement is parsed by the server for it: reading a literal of some types already runs a function.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from aishell_core.engines.postgres_behind import Names
from aishell_core.engines.postgres_text import text_literal

PATH = "SELECT /* aishell */ pg_catalog.current_schemas(true)::pg_catalog.text[] AS path"
"""The schemas in which a session's own names are looked up."""

# OFFSET 0 keeps each part a look-up of the few things that are asked about: the planner expects far more of a recursion.
# Objects that a server was made with have numbers below 16384. Expressions are kept as trees with the numbers of the
# functions, operators and types in them, those of the server's own too, which pg_depend leaves out.
_BEHIND = r"""
WITH /* aishell */ RECURSIVE
path (oid) AS MATERIALIZED (SELECT oid FROM pg_namespace WHERE nspname = ANY (:schemas)),
relation (oid) AS (
    SELECT c.oid FROM pg_class c JOIN path p ON p.oid = c.relnamespace WHERE c.relname = ANY (:names) AND c.oid >= 16384
    UNION
    SELECT further.oid FROM relation r CROSS JOIN LATERAL (
        SELECT d.refobjid AS oid
        FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class AND c.relkind <> 'm'
        JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
        WHERE w.ev_class = r.oid
        UNION ALL
        SELECT d.refobjid
        FROM pg_policy w JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
        WHERE w.polrelid = r.oid
        UNION ALL
        SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = r.oid
        OFFSET 0
    ) further
    WHERE further.oid >= 16384
),
reference (about, kind, oid) AS MATERIALIZED (
    SELECT DISTINCT r.oid AS about, found.kind, found.oid
    FROM relation r
    CROSS JOIN LATERAL (
        SELECT concat(w.ev_action::text, w.ev_qual::text) AS tree
        FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class AND c.relkind <> 'm' WHERE w.ev_class = r.oid
        UNION ALL SELECT concat(w.polqual::text, w.polwithcheck::text) FROM pg_policy w WHERE w.polrelid = r.oid
        UNION ALL SELECT k.conbin::text FROM pg_constraint k WHERE k.conrelid = r.oid AND k.contype = 'c'
        UNION ALL SELECT a.adbin::text FROM pg_attrdef a WHERE a.adrelid = r.oid
        UNION ALL SELECT concat(i.indexprs::text, i.indpred::text) FROM pg_index i WHERE i.indrelid = r.oid
        UNION ALL SELECT t.partexprs::text FROM pg_partitioned_table t WHERE t.partrelid = r.oid
        UNION ALL SELECT c.relpartbound::text FROM pg_class c WHERE c.oid = r.oid
        UNION ALL SELECT s.stxexprs::text FROM pg_statistic_ext s WHERE s.stxrelid = r.oid
        OFFSET 0
    ) tree
    CROSS JOIN LATERAL (
        SELECT m[1] AS kind, m[2]::oid AS oid
        FROM regexp_matches(tree.tree, ':(funcid|aggfnoid|winfnoid|\w+InRangeFunc|opno|eqop|sortop|[a-z]*type) (\d+)', 'g') m
        UNION ALL
        SELECT 'opno', number::oid
        FROM regexp_matches(tree.tree, ':opnos \(o ([\d ]+)\)', 'g') m CROSS JOIN regexp_split_to_table(m[1], ' ') number
    ) found
    WHERE tree.tree <> ''
),
value_type (oid) AS (
    SELECT a.atttypid
    FROM relation r CROSS JOIN LATERAL (SELECT atttypid FROM pg_attribute WHERE attrelid = r.oid AND atttypid >= 16384 OFFSET 0) a
    UNION
    SELECT t.oid FROM pg_type t JOIN path p ON p.oid = t.typnamespace WHERE t.typname = ANY (:names) AND t.oid >= 16384
    UNION
    SELECT oid FROM reference WHERE kind LIKE '%type' AND oid >= 16384
    UNION
    SELECT further.oid FROM value_type v CROSS JOIN LATERAL (
        SELECT part.oid
        FROM pg_type t CROSS JOIN LATERAL (
            VALUES (t.typbasetype), (t.typelem)
            UNION ALL SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = t.typrelid AND t.typrelid <> 0
        ) part (oid)
        WHERE t.oid = v.oid
        UNION ALL SELECT g.rngsubtype FROM pg_range g WHERE v.oid IN (g.rngtypid, g.rngmultitypid)
        UNION ALL
        SELECT m[1]::oid
        FROM pg_constraint k CROSS JOIN regexp_matches(k.conbin::text, ':[a-z]*type (\d+)', 'g') m
        WHERE k.contypid = v.oid
        OFFSET 0
    ) further
    WHERE further.oid >= 16384
),
rule_of_type (about, kind, oid) AS MATERIALIZED (
    SELECT v.oid, m[1], m[2]::oid
    FROM value_type v
    CROSS JOIN LATERAL (SELECT conbin FROM pg_constraint WHERE contypid = v.oid OFFSET 0) k
    CROSS JOIN regexp_matches(k.conbin::text, ':(funcid|opno) (\d+)', 'g') m
),
called (oid, way, about) AS (
    SELECT p.oid, 'called', ''
    FROM pg_proc p JOIN path ON path.oid = p.pronamespace
    WHERE p.proname = ANY (:called)
    UNION
    SELECT p.oid, 'field', ''
    FROM pg_proc p JOIN path ON path.oid = p.pronamespace
    JOIN pg_type t ON t.oid = p.proargtypes[0]
    WHERE p.proname = ANY (:names) AND p.oid >= 16384 AND p.pronargs - p.pronargdefaults <= 1
      AND (t.typtype IN ('c', 'p') OR t.typtype = 'd' AND t.typbasetype >= 16384)
    UNION
    SELECT oid, 'called', about::regclass::text
    FROM reference WHERE kind IN ('funcid', 'aggfnoid', 'winfnoid') OR kind LIKE '%InRangeFunc'
    UNION
    SELECT o.oprcode, 'operator', r.about::regclass::text
    FROM reference r JOIN pg_operator o ON o.oid = r.oid WHERE r.kind IN ('opno', 'eqop', 'sortop') AND o.oid >= 16384
    UNION
    SELECT o.oprcode, 'operator', '' FROM pg_operator o JOIN path p ON p.oid = o.oprnamespace
    WHERE o.oid >= 16384 AND o.oprname = ANY (:operators)
    UNION
    SELECT oid, 'type', about::regtype::text FROM rule_of_type WHERE kind = 'funcid'
    UNION
    SELECT o.oprcode, 'operator', r.about::regtype::text
    FROM rule_of_type r JOIN pg_operator o ON o.oid = r.oid WHERE r.kind = 'opno' AND o.oid >= 16384
    UNION
    SELECT castfunc, 'cast', '' FROM pg_cast WHERE oid >= 16384 AND castfunc <> 0
    UNION
    SELECT amproc, 'operator', '' FROM pg_amproc WHERE oid >= 16384
    UNION
    SELECT o.oprcode, 'operator', '' FROM pg_amop m JOIN pg_operator o ON o.oid = m.amopopr WHERE m.oid >= 16384 AND o.oid >= 16384
    UNION
    SELECT f.oid, 'operator', g.rngtypid::regtype::text
    FROM value_type v JOIN pg_range g ON v.oid IN (g.rngtypid, g.rngmultitypid)
    CROSS JOIN LATERAL (VALUES (g.rngsubdiff::oid), (g.rngcanonical::oid)) f (oid)
)
SELECT to_json(found)::text FROM (
SELECT p.oid >= 16384 AS made, p.proname::text AS name, p.oid::regprocedure::text AS signature, c.way, c.about,
    p.provolatile = 'v' AS volatile, p.provolatile = 'i' AS immutable, p.proretset AS rows, p.prokind IN ('a', 'w') AS folds,
    l.lanname::text AS language,
    coalesce((
        SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
        WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
    )::text, '') AS extension
FROM called c JOIN pg_proc p ON p.oid = c.oid JOIN pg_language l ON l.oid = p.prolang
UNION ALL
SELECT true, c.relname::text, c.oid::regclass::text, 'foreign', '',
    EXISTS (SELECT FROM unnest(t.ftoptions || s.srvoptions) o WHERE o LIKE 'use\_remote\_estimate=%' AND lower(o) NOT LIKE '%=f%'),
    false, false, false, w.fdwname::text,
    coalesce((
        SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
        WHERE d.classid = 'pg_foreign_data_wrapper'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_extension'::regclass
    )::text, '')
FROM relation r JOIN pg_class c ON c.oid = r.oid JOIN pg_foreign_table t ON t.ftrelid = c.oid
JOIN pg_foreign_server s ON s.oid = t.ftserver JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
) found
"""


_PLACE = re.compile(r":(schemas|names|called|operators)\b")


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
    }
    question = _PLACE.sub(lambda place: _array(lists[place[1]]), _BEHIND)
    return f"SET /* aishell */ LOCAL search_path = pg_catalog; SET /* aishell */ LOCAL jit = off; {question}"


def _array(texts: Iterable[str]) -> str:
    return "ARRAY[" + ", ".join(text_literal(each) for each in dict.fromkeys(texts)) + "]::text[]"
