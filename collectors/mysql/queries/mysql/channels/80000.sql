-- Every channel by which this server replicates.
SHOW /* aishell */ SLAVE STATUS
