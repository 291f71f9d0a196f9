"""Documents on disk: files written whole, and JSON objects as frozen dataclasses."""
