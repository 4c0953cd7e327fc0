SELECT calls, errors, busy, rows, total_ms FROM totals WHERE id = 1
