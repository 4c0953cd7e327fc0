"""The machine that aishell runs on."""
