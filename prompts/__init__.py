"""Text is data: Jinja templates and one strict render()."""

from prompts.render import render

__all__ = ["render"]
