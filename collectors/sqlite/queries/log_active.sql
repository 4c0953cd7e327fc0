SELECT pid, connection, started_at, state, text, writes, holds_lock FROM active WHERE seen_at >= ?
