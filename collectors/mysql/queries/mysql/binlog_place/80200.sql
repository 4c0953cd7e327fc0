-- Where the binary log ends.
SHOW /* aishell */ BINARY LOG STATUS
