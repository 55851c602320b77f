"""Ask a deployed model."""
