-- The binary logs that are kept, with their sizes.
SHOW /* aishell */ BINARY LOGS
