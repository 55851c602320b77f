"""What the command lines share; nothing here depends on one of them."""
