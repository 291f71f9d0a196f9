"""The design loop."""
