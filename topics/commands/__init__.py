"""The commands of `python -m topics`, a module each: `add` adds its arguments, `run` runs it."""
