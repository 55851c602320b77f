"""As `pyspark` beside it."""
