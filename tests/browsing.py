"""A browser for tests of pages: Chromium, headless; without it they are skipped."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
CANVAS = """id => {
  const canvas = document.querySelector(`#${id} canvas`);
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return [canvas.height, canvas.width, Array.from(pixels)];
}"""


@contextmanager
def chromium() -> Iterator[Any]:
    """Start Chromium; skip the test where it or its driver is not installed."""
    program = next((path for name in NAMES if (path := shutil.which(name))), None)
    if program is None or find_spec("playwright") is None:
        pytest.skip("pages are tested in Chromium by playwright; install both (apt install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Any, path: Path, address: str = "", **options: Any) -> Iterator[Any]:
    """Open a file; what the page fetches, and errors that it has, fail the test."""
    page = browser.new_page(**options)
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("request", lambda ask: heard.append(ask.url) if ask.url.startswith(("http", "ws")) else None)
    page.goto(f"{path.as_uri()}{address}")
    page.wait_for_selector(".viewer h3")
    yield page
    page.close()
    assert heard == []


def canvas_of(page: Any, panel: str) -> npt.NDArray[np.uint8]:
    """Return the pixels of a panel's canvas, RGBA ``[H, W, 4]``."""
    height, width, pixels = page.evaluate(CANVAS, panel)
    return np.array(pixels, np.uint8).reshape(height, width, 4)
