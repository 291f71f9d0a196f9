"""The delivery of the networks a search found."""
