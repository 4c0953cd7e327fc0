/* aishell */
-- One row for each waiter and each process that it waits for; pg_locks, pg_blocking_pids.
-- pg_blocking_pids names the leader for a parallel worker, 0 for a prepared transaction, and also who waits ahead in
-- the queue for a lock that conflicts. `held` are the modes that the other one, its workers included, has of the same
-- object; it is NULL for one that only waits ahead. Names are known for relations of this database and shared ones.
WITH locks AS MATERIALIZED (
    SELECT l.*, a.leader_pid, coalesce(a.leader_pid, l.pid, 0) AS process
    FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a ON a.leader_pid IS NOT NULL AND a.pid = l.pid
),
edges AS MATERIALIZED (
    SELECT w.*, b.blocker
    FROM locks AS w CROSS JOIN LATERAL (SELECT DISTINCT unnest(pg_blocking_pids(w.pid)) AS blocker) AS b
    WHERE NOT w.granted AND w.pid IS NOT NULL
)
SELECT
    e.process AS waiter,
    e.blocker AS holder,
    e.locktype,
    e.mode,
    date_part('epoch', clock_timestamp() - e.waitstart) AS wait_seconds,
    h.held,
    h.prepared,
    d.datname AS database,
    e.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AS here,
    e.relation::text AS relation,
    n.nspname AS schema,
    c.relname AS name,
    e.page,
    e.tuple,
    e.virtualxid,
    e.transactionid::text AS transaction,
    e.classid::text AS classid,
    e.objid::text AS objid,
    e.objsubid,
    (SELECT k.relname FROM pg_class AS k WHERE e.locktype = 'object' AND k.oid = e.classid) AS class,
    t.row_of
FROM edges AS e
LEFT JOIN pg_database AS d ON d.oid = e.database
LEFT JOIN pg_class AS c ON c.oid = e.relation AND (e.database = 0 OR d.datname = current_database())
LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
    SELECT string_agg(DISTINCT l.mode, ',') AS held, min(p.gid) AS prepared
    FROM locks AS l LEFT JOIN pg_prepared_xacts AS p ON l.pid IS NULL AND l.virtualtransaction = '-1/' || p.transaction::text
    WHERE l.granted AND l.process = e.blocker AND l.locktype = e.locktype
        AND (l.database, l.relation, l.page, l.tuple, l.virtualxid, l.transactionid, l.classid, l.objid, l.objsubid)
            IS NOT DISTINCT FROM
            (e.database, e.relation, e.page, e.tuple, e.virtualxid, e.transactionid, e.classid, e.objid, e.objsubid)
) AS h ON true
-- Who waits for the end of a transaction, in order to lock a row that it changed, holds the lock of that row's place.
LEFT JOIN LATERAL (
    SELECT min(rn.nspname || '.' || r.relname) AS row_of
    FROM locks AS l JOIN pg_class AS r ON r.oid = l.relation JOIN pg_namespace AS rn ON rn.oid = r.relnamespace
    WHERE e.locktype = 'transactionid' AND l.granted AND l.locktype = 'tuple' AND l.pid = e.pid AND d.datname IS NULL
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
) AS t ON true
