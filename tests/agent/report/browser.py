"""Chromium without a window, for tests of pages: Debian's, driven by Selenium, without any personal data."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait
from system_packages import need_programs

PATIENCE = 120  # seconds until a wait is given up; not a statement about speed
SWITCHES = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--window-size=1200,900"),
)


@contextmanager
def open_browser(profile: Path) -> Iterator[webdriver.Chrome]:
    """A browser with `profile`, a new folder, as its user data; skips where there is none."""
    need_programs("chromium", "chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for switch in (*SWITCHES, f"--user-data-dir={profile}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    browser.set_script_timeout(PATIENCE)
    try:
        yield browser
    finally:
        browser.quit()


def load(browser: webdriver.Chrome, page: Path, *, width: int = 1200, scheme: str = "light") -> None:
    """Show a page at a width in CSS pixels until all its plots are drawn."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get(page.as_uri())
    WebDriverWait(browser, PATIENCE).until(
        lambda it: it.execute_script("return document.documentElement.dataset.drawn")
    )


def wait_for_plots(browser: webdriver.Chrome) -> None:
    """Wait until every plot is drawn, including those of sections just opened."""
    drawn = "return [...document.querySelectorAll('.chart')].every(one => one.querySelector('svg'))"
    WebDriverWait(browser, PATIENCE).until(lambda it: it.execute_script(drawn))


def find_faults(browser: webdriver.Chrome) -> list[dict[str, Any]]:
    """What axe-core rates serious or critical on the page, with all its networks open."""
    from axe_core_python.selenium import Axe

    found = Axe().run(browser)
    return [
        {"id": fault["id"], "impact": fault["impact"], "nodes": [node["html"][:200] for node in fault["nodes"][:3]]}
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
    ]
