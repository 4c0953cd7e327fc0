SELECT digest, text, calls, total_ms, max_ms, rows, errors, busy FROM statement ORDER BY total_ms DESC LIMIT ?
