-- Who waits for a row lock that who holds.
SELECT /* aishell */
    REQUESTING_ENGINE_TRANSACTION_ID AS waiter,
    BLOCKING_ENGINE_TRANSACTION_ID AS holder,
    REQUESTING_ENGINE_LOCK_ID AS asked,
    BLOCKING_ENGINE_LOCK_ID AS held
FROM performance_schema.data_lock_waits
LIMIT 5000
