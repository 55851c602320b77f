"""The models in an environment's bucket: `list`, `compare`, `prune`."""
