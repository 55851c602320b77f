"""Pages and pictures of models."""
