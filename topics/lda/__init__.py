"""Latent Dirichlet allocation: fitting, refining and inference."""
