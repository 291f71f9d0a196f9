"""The delivery of what a search found."""
