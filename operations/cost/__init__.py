"""What an environment bills: `quantities` from its settings, `prices` asked of AWS."""
