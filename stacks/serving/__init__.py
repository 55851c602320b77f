"""What serves the model: a file a piece, composed by `stack`."""

from stacks.serving.stack import ServingStack

__all__ = ["ServingStack"]
