-- The tables that somebody uses right now, by a statement or by LOCK TABLES; what an idle transaction has read is not in use.
SHOW /* aishell */ OPEN TABLES WHERE In_use > 0
