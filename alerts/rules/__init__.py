"""From YAML to rules: every error at its place, a rule that is wrong left out, the others in force. `load.load_book` is called."""
