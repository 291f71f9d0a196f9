"""A run's transcript as text and as a page, made from its trace."""

from __future__ import annotations

import io

from rich.console import Console

from agent.transcript.narrator import Narrator
from nas.documents.atomic_files import write_text
from nas.records.run_store import RunStore

WIDTH = 120


def save_transcript(store: RunStore) -> None:
    """Write transcript.txt and transcript.html into the run folder."""
    console = _tell(store)
    write_text(store.folder / "transcript.html", console.export_html(clear=False))
    write_text(store.folder / "transcript.txt", console.export_text())


def tell_transcript(store: RunStore) -> str:
    """The transcript as plain text, at most WIDTH characters a line."""
    return _tell(store).export_text()


def _tell(store: RunStore) -> Console:
    console = Console(file=io.StringIO(), record=True, width=WIDTH, force_terminal=True, color_system="truecolor")
    narrator = Narrator()
    for told in store.load_trace():
        for line in narrator.tell(told.event):
            console.print(line, highlight=False)
    return console
