"""What the command lines share; it knows none of them."""
