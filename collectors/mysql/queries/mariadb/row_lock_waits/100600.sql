-- Who waits for a row lock that who holds.
SELECT /* aishell */
    requesting_trx_id AS waiter,
    blocking_trx_id AS holder,
    requested_lock_id AS asked,
    blocking_lock_id AS held
FROM information_schema.INNODB_LOCK_WAITS
LIMIT 5000
