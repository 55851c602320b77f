"""Find what would stop a deployment, before it costs anything."""
