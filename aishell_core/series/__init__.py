"""Ring buffers, rollups and the immutable snapshot."""
