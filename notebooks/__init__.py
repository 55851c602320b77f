"""The notebook, and the program that executes it: `python -m notebooks`."""
