"""What is done to MiniStack, and the one room that touches its internals."""
