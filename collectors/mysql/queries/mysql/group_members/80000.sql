-- The members of the replication group with what waits at each; one row without an id where there is no group.
SELECT /* aishell */
    m.MEMBER_ID AS id,
    m.MEMBER_HOST AS host,
    m.MEMBER_PORT AS port,
    m.MEMBER_STATE AS state,
    m.MEMBER_ROLE AS role,
    m.MEMBER_VERSION AS version,
    s.COUNT_TRANSACTIONS_IN_QUEUE AS certify_queue,
    s.COUNT_TRANSACTIONS_REMOTE_IN_APPLIER_QUEUE AS apply_queue,
    s.COUNT_TRANSACTIONS_REMOTE_APPLIED AS applied,
    s.COUNT_CONFLICTS_DETECTED AS conflicts,
    s.COUNT_TRANSACTIONS_LOCAL_ROLLBACK AS rolled_back,
    s.TRANSACTIONS_COMMITTED_ALL_MEMBERS AS applied_everywhere
FROM performance_schema.replication_group_members m
LEFT JOIN performance_schema.replication_group_member_stats s ON s.MEMBER_ID = m.MEMBER_ID AND s.CHANNEL_NAME = m.CHANNEL_NAME
ORDER BY m.MEMBER_HOST, m.MEMBER_PORT
