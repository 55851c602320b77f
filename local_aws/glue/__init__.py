"""Runs of Glue jobs, by a real Spark on this machine; all else of Glue is MiniStack's.

`runs_api` has the operations about runs, which would otherwise succeed without running anything.
`job_run` is one run, and `spark` the program that it starts.
"""
