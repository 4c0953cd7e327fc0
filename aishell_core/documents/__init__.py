"""YAML files that people write: their values with the place of each, what is wrong with them, and no secret in what is printed."""
