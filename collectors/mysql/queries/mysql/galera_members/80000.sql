-- The members of the cluster by name.
SELECT /* aishell */
    node_uuid AS uuid,
    node_name AS name,
    node_incoming_address AS address
FROM mysql.wsrep_cluster_members
ORDER BY node_name
