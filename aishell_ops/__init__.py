"""What is done to databases on somebody's order, each kind in a room of its own."""
