"""Prepare a corpus by the Glue job of an environment: `command`, and the run in `glue_run`."""
