"""What an environment costs: `quantities` from its settings, `prices` from AWS, and the `bill`."""
