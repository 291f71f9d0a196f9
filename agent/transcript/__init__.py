"""Events rendered as text."""
