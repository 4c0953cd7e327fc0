"""What commands print: pure functions from what was read to a shape for scripts and a text for people."""
