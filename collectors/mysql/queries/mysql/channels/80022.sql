-- Every channel by which this server replicates.
SHOW /* aishell */ REPLICA STATUS
