"""The serving stack: each file builds one part, and `stack` puts them together."""

from stacks.serving.stack import ServingStack

__all__ = ["ServingStack"]
