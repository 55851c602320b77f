"""Small helpers of the constructs."""
