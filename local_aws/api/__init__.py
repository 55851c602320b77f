"""What the added services share: errors, and checks of requests against AWS's own models."""
