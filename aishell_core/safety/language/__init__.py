"""One module for each engine's language, named as the engine; modules with an underscore in their names are shared by several."""
