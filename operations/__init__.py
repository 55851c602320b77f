"""What a person asks about an environment."""
