SELECT digest, bucket, calls FROM latency
WHERE digest IN (SELECT digest FROM statement ORDER BY total_ms DESC LIMIT ?)
