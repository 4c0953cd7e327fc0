"""The newest figures of all targets, windows over them, and rules evaluated on both. Nothing here asks a clock."""
