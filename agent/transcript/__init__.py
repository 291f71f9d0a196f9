"""Events told as text."""
