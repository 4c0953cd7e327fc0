"""`python -m benchmarks`: run every measurement and write RESULTS.md."""
