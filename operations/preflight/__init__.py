"""What would stop a deployment, found before it spends anything."""
