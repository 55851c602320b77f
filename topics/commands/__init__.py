"""The commands of `python -m topics`, a module each: `add` says what it takes, `run` does it."""
