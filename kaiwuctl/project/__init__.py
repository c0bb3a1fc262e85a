"""The PROJECT file: what has been scaffolded."""
