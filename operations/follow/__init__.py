"""Follow a deployment: what happens in its stacks, its training job and its endpoint."""
