"""The model itself: its file, and its words."""
