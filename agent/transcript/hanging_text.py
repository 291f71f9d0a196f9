"""Text whose wrapped lines align under its first one: a column of labels stays a column in a narrow terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions
from rich.text import Text


class HangingText:
    """A text indented by `indent` characters from its second line on."""

    def __init__(self, text: Text, indent: int) -> None:
        self.text = text
        self.indent = indent

    def __str__(self) -> str:
        return self.text.plain

    def behind(self, words: Text) -> HangingText:
        """The same text with `words` before it, its later lines under its first one."""
        return HangingText(words + self.text, len(words) + self.indent)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        width = options.max_width - self.indent
        if width < self.indent:  # too narrow for columns
            yield self.text
            return
        label, rest = self.text.divide([self.indent])
        for number, line in enumerate(rest.wrap(console, width)):
            line.rstrip()
            yield label + line if number == 0 else Text(" " * self.indent) + line
