"""How each engine reads its rows and takes those of others."""
