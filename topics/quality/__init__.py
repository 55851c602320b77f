"""How good a model is, and how two differ."""
