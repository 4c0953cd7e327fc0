-- Where the binary log ends.
SHOW /* aishell */ MASTER STATUS
