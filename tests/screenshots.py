"""The screenshots of README and docs: `python -m tests.screenshots RUN` takes them from a finished run, in Chromium.

Look at each before committing it: nothing may overlap or be cut off, and every figure has its unit.
"""

from __future__ import annotations

import base64
import io
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text
from selenium import webdriver

from agent.report.saving import save_report
from agent.running.inquiry import open_inquiry
from agent.terminal.turn_text import print_turn
from agent.transcript.narrator import Narrator
from nas.events import ignore_events
from nas.records.run_events import NodeFinished, RunFinished
from nas.records.run_store import RunStore
from nas.search.search_events import FrontChanged

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
COLUMNS = 112
MARGIN = 12  # CSS pixels around what is shown
NUM_ROUNDS = 4  # of the search that are shown; the end follows
QUESTIONS = (
    "why was {winner} chosen?",
    "what if {winner} had kernel 7 in stage 2?",
    "which candidate has the fewest parameters?",
)
PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ background: #16181d; color: #e9eaec; margin: 0; padding: 18px 22px }}
body, pre {{ margin: 0; font: 13px/15px "DejaVu Sans Mono", monospace }}
.prompt {{ color: #9aa0a6; padding-bottom: 8px }} {stylesheet}
</style><body><div class="prompt">$ COMMAND</div><pre>{code}</pre></body>"""


def tell_run(store: RunStore) -> str:
    """The beginning and the end of a run's transcript, as a page."""
    console, narrator, rounds, is_told = _open_console(), Narrator(), 0, True
    for recorded in store.load_trace():
        event = recorded.event
        if isinstance(event, NodeFinished) and event.node == "select":
            is_told = True
        if is_told:
            for line in narrator.tell(event):
                console.print(line, highlight=False)
        if isinstance(event, FrontChanged):
            rounds += 1
            if rounds == NUM_ROUNDS:
                is_told = False
                console.print(Text("  ...\n", style="dim"))
    return _export(console, "kilosmith run")


def tell_conversation(store: RunStore, questions: Sequence[str]) -> str:
    """Questions with their answers, as a page."""
    console = _open_console()
    inquiry = open_inquiry(store, llm=None, llm_url=None, confirm=lambda _: False, show=ignore_events)
    for question in questions:
        console.print(Text(f"> {question}", style="bold"))
        print_turn(console, inquiry.ask(question))
    return _export(console, "kilosmith chat latest")


def _open_console() -> Console:
    return Console(file=io.StringIO(), record=True, width=COLUMNS, force_terminal=True, color_system="truecolor")


def _export(console: Console, command: str) -> str:
    return console.export_html(theme=MONOKAI, code_format=PAGE.replace("COMMAND", command), inline_styles=True)


def shoot(browser: webdriver.Chrome, name: str, *, first: str = "html", last: str = "html") -> None:
    """Save what is shown, from the top of one element to the bottom of another: nothing is cut in the middle."""
    box = "const box = document.querySelector(arguments[0]).getBoundingClientRect();"
    top = browser.execute_script(f"{box} return box.top + window.scrollY", first)
    bottom = browser.execute_script(f"{box} return box.bottom + window.scrollY", last)
    clip = {"x": 0, "y": max(0, top - MARGIN), "width": browser.execute_script("return window.innerWidth"), "scale": 1}
    clip["height"] = bottom + MARGIN - clip["y"]
    _save(browser, name, {"clip": clip, "captureBeyondViewport": True})


def _save(browser: webdriver.Chrome, name: str, wanted: dict[str, object]) -> None:
    taken = browser.execute_cdp_cmd("Page.captureScreenshot", wanted)
    (IMAGES / name).write_bytes(base64.b64decode(taken["data"]))


def main() -> None:
    """Take all of them."""
    sys.path[:0] = [str(Path(__file__).parent / "agent" / "report")]  # as pytest does for the tests next to it
    from browser import load, open_browser

    source = RunStore.open(Path("runs"), sys.argv[1])
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / source.run_id
        shutil.copytree(source.folder, folder)  # what is asked here is not part of the run's records
        store = RunStore(folder)
        report = save_report(store)
        winner = next(line.event for line in store.load_trace() if isinstance(line.event, RunFinished)).winners[0]
        pages = {
            "terminal-run": tell_run(store),
            "terminal-chat": tell_conversation(store, [question.format(winner=winner) for question in QUESTIONS]),
        }
        with open_browser(Path(temporary) / "profile") as browser:
            browser.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})  # a picture has none
            for name, page in pages.items():
                (folder / f"{name}.html").write_text(page, encoding="utf-8")
                browser.execute_cdp_cmd(
                    "Emulation.setDeviceMetricsOverride",
                    {"width": 921, "height": 600, "deviceScaleFactor": 1, "mobile": False},
                )
                browser.get((folder / f"{name}.html").as_uri())
                shoot(browser, f"{name}.png")
            load(browser, report, width=1120)
            shoot(browser, "report-light.png", last="#pareto .scroll")
            load(browser, report, width=390, scheme="dark")
            shoot(browser, "report-phone.png", last="#point-said")
            load(browser, report, width=1120, scheme="dark")
            shoot(browser, "report-dark.png", first="#networks details[open]", last="#networks details[open] .pair")


if __name__ == "__main__":
    main()
