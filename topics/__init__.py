"""Topic models: fit, infer, store, evaluate, and ask a deployed endpoint."""
