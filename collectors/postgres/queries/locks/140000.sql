-- All locks, granted or not, of the objects that somebody waits for, and the row locks of those who wait; pg_locks.
-- Who waits for whom follows from the modes. That costs one look at the lock table; pg_blocking_pids would close all
-- of it to everybody else once for each waiter, and tell as many pairs as the square of a queue's length.
-- Names are known for relations of this database and for shared ones. A prepared transaction has no pid.
WITH /* aishell */ locks AS MATERIALIZED (
    SELECT *, coalesce(relation::text, transactionid::text, virtualxid, objid::text) AS thing FROM pg_locks
),
waits AS MATERIALIZED (SELECT DISTINCT pid, locktype, thing FROM locks WHERE NOT granted),
here AS (SELECT oid FROM pg_database WHERE datname = current_database())
SELECT
    l.pid,
    (SELECT p.gid FROM locks AS own JOIN pg_prepared_xacts AS p ON p.transaction = own.transactionid
        WHERE l.pid IS NULL AND own.pid IS NULL AND own.locktype = 'transactionid' AND own.virtualtransaction = l.virtualtransaction) AS prepared,
    l.locktype,
    l.mode,
    l.granted,
    date_part('epoch', clock_timestamp() - l.waitstart) AS wait_seconds,
    l.database::text AS database_id,
    d.datname AS database,
    l.relation::text AS relation_id,
    n.nspname AS schema,
    c.relname AS relation,
    l.page,
    l.tuple,
    l.virtualxid,
    l.transactionid::text AS transaction_id,
    l.classid::text AS class_id,
    k.relname AS class,
    l.objid::text AS object_id,
    l.objsubid AS object_part
FROM locks AS l
LEFT JOIN pg_database AS d ON d.oid = l.database
LEFT JOIN pg_class AS c ON c.oid = l.relation AND l.database IN (0, (SELECT oid FROM here))
LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_class AS k ON k.oid = l.classid AND l.locktype = 'object'
WHERE (l.locktype, l.thing) IN (SELECT locktype, thing FROM waits)
    OR (l.granted AND l.locktype = 'tuple' AND l.pid IN (SELECT pid FROM waits WHERE locktype = 'transactionid'))
