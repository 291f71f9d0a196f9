"""Conversation about a run: questions, the tools that answer them, and the check of what is said."""
