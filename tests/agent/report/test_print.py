"""The report on paper: everything that is open, no heading stranded at the foot of a page, legible type."""

from __future__ import annotations

import base64
import io
import shutil
import unicodedata
from pathlib import Path

import pytest
from browser import PATIENCE, load, wait_for_plots
from example_run import draw_answers, finish_run
from pypdf import PageObject, PdfReader
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.print_page_options import PrintOptions
from selenium.webdriver.support.ui import WebDriverWait

from agent.report.saving import save_report
from nas.records.run_store import RunStore

A4, LETTER = (21.0, 29.7), (21.59, 27.94)  # cm


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, example_root: Path) -> dict[str, Path]:
    """The reports of a short run and of one with 30 proposals."""
    root = tmp_path_factory.mktemp("runs")
    shutil.copytree(example_root / "example", root / "short")
    settings = dict.fromkeys(("design__max_proposals", "design__max_trials", "design__num_whole"), 30)
    finish_run(root, draw_answers(30), run_id="long", **settings)
    return {name: save_report(RunStore(root / name)) for name in ("short", "long")}


def print_sheets(browser: webdriver.Chrome, paper: tuple[float, float]) -> list[list[str]]:
    """The lines of each sheet from top to bottom, without white space."""
    options = PrintOptions()
    options.page_width, options.page_height = paper
    document = PdfReader(io.BytesIO(base64.b64decode(browser.print_page(options))))
    return [read_lines(sheet) for sheet in document.pages]


def read_lines(sheet: PageObject) -> list[str]:
    """Ordered by where letters are, not by when they are drawn: plots are drawn last."""
    lines: dict[int, str] = {}

    def place(text: str, outer: list[float], inner: list[float], _font: object, _size: float) -> None:
        height = round(inner[4] * outer[1] + inner[5] * outer[3] + outer[5])
        lines[height] = lines.get(height, "") + "".join(unicodedata.normalize("NFKC", text).split())

    sheet.extract_text(visitor_text=place)
    return [lines[height] for height in sorted(lines, reverse=True) if lines[height]]


def print_everything(browser: webdriver.Chrome, paper: tuple[float, float]) -> list[list[str]]:
    """As the page's own button does, without the print dialog."""
    browser.execute_script("window.print = () => { document.documentElement.dataset.asked = 'true' }")
    browser.find_element(By.ID, "print-all").click()
    WebDriverWait(browser, PATIENCE).until(
        lambda it: it.execute_script("return document.documentElement.dataset.asked")
    )
    wait_for_plots(browser)
    return print_sheets(browser, paper)


def join(sheets: list[list[str]]) -> str:
    return "".join(line for lines in sheets for line in lines)


@pytest.mark.parametrize(("name", "paper"), [("short", A4), ("long", A4), ("long", LETTER)])
def test_no_heading_or_head_of_a_table_stands_alone_at_the_foot_of_a_page(
    browser: webdriver.Chrome, pages: dict[str, Path], name: str, paper: tuple[float, float]
) -> None:
    load(browser, pages[name])
    mark = ", ".join(f"{place}::after" for place in ("h2", "h3", "h4", "caption", "thead th", "figcaption"))
    browser.execute_script(
        "document.head.append(Object.assign(document.createElement('style'), {textContent: arguments[0]}))",
        f"{mark} {{ content: '@@' }}",
    )
    sheets = print_everything(browser, paper)
    assert sum("@@" in line for lines in sheets for line in lines) > 20
    assert [lines[-1] for lines in sheets if "@@" in lines[-1]] == []


def test_everything_is_printed_and_then_closed_again(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    load(browser, pages["short"])
    text = join(print_everything(browser, A4))
    for part in ("c004:operatorsandepochsastables", "hypervolume0.7563", "deliveredto", "Progressovertheproposals"):
        assert part in text
    assert "notprinted" not in text
    WebDriverWait(browser, PATIENCE).until(
        lambda it: len(it.find_elements(By.CSS_SELECTOR, "details.member[open]")) == 1  # as before
    )


def test_what_is_closed_is_named_as_not_printed(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    load(browser, pages["short"])
    text = join(print_sheets(browser, A4))
    assert "c006(closed,sonotprinted)" in text
    assert "Whathappened,linebyline(closed,sonotprinted)" in text
    assert "Printeverything" not in text


def test_plots_are_drawn_for_paper_and_for_the_screen_again(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    load(browser, pages["short"])
    width = "return document.querySelector('[data-chart=pareto] svg').getAttribute('width')"
    before = browser.execute_script(width)
    browser.execute_script("""
        const widths = () => [...document.querySelectorAll(".chart svg")].map(one => Number(one.getAttribute("width")));
        window.addEventListener("beforeprint", () => { window.printed = widths(); });
    """)
    browser.print_page()
    printed = browser.execute_script("return window.printed")
    assert len(printed) > 5
    assert all(650 <= one <= 700 for one in printed)
    WebDriverWait(browser, PATIENCE).until(lambda it: it.execute_script(width) == before)
