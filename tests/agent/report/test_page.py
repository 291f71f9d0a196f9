"""The report in a real browser: drawn without errors, usable with mouse, keyboard and screen reader, at any width."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from browser import PATIENCE, find_faults, load, wait_for_plots
from example_run import FIRST, SMALL, build_example_run, draw_answers, finish_run, says, whole
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from agent.report.saving import find_runs, save_comparison, save_report
from nas.errors import NoLegalCandidateError
from nas.records.run_store import RunStore


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, example_root: Path) -> dict[str, Path]:
    """Reports of a run, of one without a legal candidate, and the comparison of two runs."""
    root = tmp_path_factory.mktemp("runs")
    finish_run(root, [says(whole(*FIRST)), says(whole(*SMALL))], run_id="other", design__max_proposals=2)
    with pytest.raises(NoLegalCandidateError):
        finish_run(root, [says()] * 40, run_id="nothing", design__max_proposals=8)
    shutil.copytree(example_root / "example", root / "example")
    return {
        "example": save_report(RunStore(root / "example")),
        "nothing": save_report(RunStore(root / "nothing")),
        "comparison": _compare(root, ["example", "other"]),
    }


def _compare(root: Path, names: list[str]) -> Path:
    save_comparison(find_runs(root, names), root / "comparison.html")
    return root / "comparison.html"


def points(browser: webdriver.Chrome) -> list[str]:
    found = browser.find_elements(By.CSS_SELECTOR, "[data-chart=pareto] path[role=graphics-symbol]")
    return [point.get_attribute("aria-label") or "" for point in found]


@pytest.mark.parametrize("name", ["example", "nothing", "comparison"])
@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (390, "dark")])
def test_page_is_drawn_without_errors_and_without_serious_accessibility_faults(
    browser: webdriver.Chrome, pages: dict[str, Path], name: str, width: int, scheme: str
) -> None:
    browser.get_log("browser")
    browser.get_log("performance")
    load(browser, pages[name], width=width, scheme=scheme)
    for details in browser.find_elements(By.TAG_NAME, "details"):
        browser.execute_script("arguments[0].open = true", details)
    wait_for_plots(browser)
    assert browser.get_log("browser") == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert find_faults(browser) == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [
        message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"
    ]
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_hovering_over_a_point_tells_its_figures(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    load(browser, pages["example"])
    ActionChains(browser).move_to_element(point_of(browser, "c011")).perform()
    tooltip = browser.find_element(By.ID, "vg-tooltip-element")
    WebDriverWait(browser, PATIENCE).until(lambda _: tooltip.is_displayed())
    assert "c011" in tooltip.text
    assert "97.92" in tooltip.text


def test_filter_thins_plot_and_table_alike(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    load(browser, pages["example"])
    everyone = points(browser)
    Select(browser.find_element(By.ID, "shown")).select_by_value("front")
    WebDriverWait(browser, PATIENCE).until(lambda it: len(points(it)) < len(everyone))
    assert all("on the front" in label for label in points(browser))
    rows = browser.find_elements(By.CSS_SELECTOR, "#candidates tbody tr")
    shown = {row.find_element(By.TAG_NAME, "th").text for row in rows if row.is_displayed()}
    assert shown == {label.split(",")[0] for label in points(browser)}
    assert f"{len(shown)} of {len(everyone)}" in browser.find_element(By.ID, "filter-said").text


def test_memory_filter_is_moved_by_keyboard(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    load(browser, pages["example"])
    everyone = points(browser)
    browser.find_element(By.ID, "sram-max").send_keys(Keys.HOME)
    WebDriverWait(browser, PATIENCE).until(lambda it: points(it) == [])
    browser.find_element(By.ID, "sram-max").send_keys(Keys.END)
    WebDriverWait(browser, PATIENCE).until(lambda it: sorted(points(it)) == sorted(everyone))


def test_keyboard_walks_along_the_points_and_opens_a_network(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    load(browser, pages["example"])
    for details in browser.find_elements(By.CSS_SELECTOR, "details.member"):
        browser.execute_script("arguments[0].open = false", details)
    browser.find_element(By.ID, "sram-max").send_keys(Keys.TAB)
    visited = []
    for _ in points(browser):
        visited.append(browser.switch_to.active_element.get_attribute("aria-label") or "")
        assert browser.find_element(By.ID, "point-said").text == visited[-1]
        browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert sorted(visited) == sorted(points(browser))
    while "on the front" not in (browser.switch_to.active_element.get_attribute("aria-label") or ""):
        browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    chosen = (browser.switch_to.active_element.get_attribute("aria-label") or "").split(",")[0]
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    opened = browser.find_elements(By.CSS_SELECTOR, "details.member[open]")
    assert [one.get_attribute("id") for one in opened] == [chosen]


def test_dark_scheme_reaches_page_and_plots(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    colours = {}
    for scheme in ("light", "dark"):
        load(browser, pages["example"], scheme=scheme)
        text = browser.find_element(By.CSS_SELECTOR, "[data-chart=sram] .mark-text text")
        body = browser.find_element(By.TAG_NAME, "body")
        colours[scheme] = (text.value_of_css_property("fill"), body.value_of_css_property("background-color"))
    assert colours["light"][0] != colours["dark"][0]
    assert colours["light"][1] != colours["dark"][1]


HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def hostile_pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The report of a run whose folder's name is markup, and its comparison with another one."""
    root = tmp_path_factory.mktemp("hostile")
    folder = root / HOSTILE
    build_example_run(root).folder.rename(folder)
    finish_run(root, [says(whole(*FIRST))], run_id="other", design__max_proposals=1)
    report = save_report(RunStore(folder))
    return {"report": report, "comparison": _compare(root, [str(folder), "other"])}


@pytest.mark.parametrize("name", ["report", "comparison"])
def test_markup_in_a_name_is_text(browser: webdriver.Chrome, hostile_pages: dict[str, Path], name: str) -> None:
    browser.get_log("browser")
    load(browser, hostile_pages[name])
    for details in browser.find_elements(By.TAG_NAME, "details"):
        browser.execute_script("arguments[0].open = true", details)
    wait_for_plots(browser)
    assert browser.find_elements(By.CSS_SELECTOR, "img") == []
    assert HOSTILE in browser.find_element(By.TAG_NAME, "body").text
    assert browser.get_log("browser") == []


def test_comparison_leads_to_the_runs_and_to_their_reports(
    browser: webdriver.Chrome, pages: dict[str, Path], hostile_pages: dict[str, Path]
) -> None:
    load(browser, pages["comparison"])
    browser.find_element(By.CSS_SELECTOR, "a[href='#run-2']").click()
    opened = WebDriverWait(browser, PATIENCE).until(
        lambda it: it.find_elements(By.CSS_SELECTOR, "details.member[open]")
    )
    assert [one.find_element(By.TAG_NAME, "h3").text for one in opened] == ["other"]
    point = browser.find_element(By.CSS_SELECTOR, "[data-chart=pareto] path[aria-label*=' of example:']")
    browser.execute_script("arguments[0].focus()", point)
    point.send_keys(Keys.ENTER)
    assert browser.find_element(By.CSS_SELECTOR, "#run-1[open] h3").text == "example"
    load(browser, hostile_pages["comparison"])
    browser.find_element(By.PARTIAL_LINK_TEXT, "report of").click()  # its address holds a name full of markup
    WebDriverWait(browser, PATIENCE).until(lambda it: it.find_element(By.TAG_NAME, "h1").text == f"Run {HOSTILE}")


def test_click_on_a_point_or_on_its_name_opens_the_network(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    load(browser, pages["example"])
    find = "return [...document.querySelectorAll('.names_marks text')].find((one) => one.textContent === 'c004')"
    for clicked in (browser.execute_script(find), point_of(browser, "c008")):
        for details in browser.find_elements(By.CSS_SELECTOR, "details.member"):
            browser.execute_script("arguments[0].open = false", details)
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", clicked)
        ActionChains(browser).move_to_element(clicked).click().perform()
        opened = WebDriverWait(browser, PATIENCE).until(
            lambda it: it.find_elements(By.CSS_SELECTOR, "details.member[open]")
        )
        assert [one.get_attribute("id") for one in opened] == ["c004" if clicked.tag_name == "text" else "c008"]


def point_of(browser: webdriver.Chrome, candidate: str) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, f"[data-chart=pareto] path[aria-label^='{candidate},']")


def test_a_link_opens_its_section_each_time_and_an_unknown_address_does_no_harm(
    browser: webdriver.Chrome, pages: dict[str, Path]
) -> None:
    load(browser, pages["comparison"])
    for _ in range(2):
        browser.find_element(By.CSS_SELECTOR, "a[href='#run-2']").click()
        opened = browser.find_element(By.CSS_SELECTOR, "#run-2")
        WebDriverWait(browser, PATIENCE).until(lambda _, opened=opened: opened.get_attribute("open"))
        browser.execute_script("arguments[0].open = false", opened)
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get(pages["comparison"].as_uri() + "#%")
    WebDriverWait(browser, PATIENCE).until(
        lambda it: it.execute_script("return document.documentElement.dataset.drawn")
    )
    assert browser.get_log("browser") == []


def test_names_beside_points_touch_neither_each_other_nor_a_point(
    browser: webdriver.Chrome, pages: dict[str, Path]
) -> None:
    read = """
      const box = (one) => { const r = one.getBoundingClientRect(); return [r.left, r.right, r.top, r.bottom]; };
      const plot = document.querySelector("[data-chart=pareto]");
      const names = [...plot.querySelectorAll(".names_marks text")].filter(
        (one) => one.textContent.trim() && one.getAttribute("opacity") !== "0");
      const points = [...plot.querySelectorAll("path[role=graphics-symbol]")];
      return [names.map((one) => [one.textContent, box(one)]), points.map(box)];
    """
    for width in (1200, 390):
        load(browser, pages["example"], width=width)
        names, symbols = browser.execute_script(read)
        assert {name for name, _ in names} == {"c004", "c006", "c008", "c011"}
        boxes = [box for _, box in names]
        for place, one in enumerate(boxes):
            for other in boxes[:place] + symbols:
                # two pixels of a line's box are empty
                assert not (
                    one[0] < other[1] and other[0] < one[1] and one[2] + 2 < other[3] and other[2] < one[3] - 2
                ), (names, symbols)


def test_a_plot_that_fails_is_reported_and_the_others_are_drawn(
    browser: webdriver.Chrome, pages: dict[str, Path], tmp_path: Path
) -> None:
    whole_page = pages["example"].read_text(encoding="utf-8")
    broken = tmp_path / "broken.html"
    broken.write_text(whole_page.replace("((shown ==", "((shown == =="), encoding="utf-8")  # the plot's filter
    browser.get_log("browser")
    load(browser, broken)
    (told,) = browser.get_log("browser")
    assert "Unexpected token" in told["message"]
    assert browser.find_elements(By.CSS_SELECTOR, "[data-chart=pareto] svg") == []
    assert browser.find_elements(By.CSS_SELECTOR, "[data-chart=sram] svg")


@pytest.mark.slow
def test_page_of_200_trials_is_drawn_and_filtered(browser: webdriver.Chrome, tmp_path: Path) -> None:
    finish_run(
        tmp_path,
        draw_answers(200),
        run_id="long",
        design__max_proposals=200,
        design__max_trials=200,
        design__num_whole=200,
    )
    browser.get_log("browser")
    page = save_report(RunStore(tmp_path / "long"))
    assert page.stat().st_size < 5_000_000
    load(browser, page)
    everyone = points(browser)
    assert len(everyone) > 100
    Select(browser.find_element(By.ID, "shown")).select_by_value("front")
    WebDriverWait(browser, PATIENCE).until(lambda it: len(points(it)) < len(everyone))
    browser.find_element(By.ID, "open-all").send_keys(Keys.ENTER)
    wait_for_plots(browser)
    assert browser.get_log("browser") == []
    browser.set_script_timeout(280)  # axe reads 28,000 elements
    assert find_faults(browser) == []
