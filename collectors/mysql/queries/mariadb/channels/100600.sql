-- Every connection to a source that this server replicates from.
SHOW /* aishell */ ALL SLAVES STATUS
