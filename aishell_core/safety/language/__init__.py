"""One module for each engine's language, named as the engine; the other modules are shared by several of them."""
