"""Fixtures shared by the tests of a module: a browser, the plotting library."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser import open_browser
from selenium import webdriver

from agent.report.plotting_library import load_plotting_library
from agent.running.paths import cache_folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with open_browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def library() -> str:
    return load_plotting_library(cache_folder())
