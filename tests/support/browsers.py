"""Headless Chromium, for tests of pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

OPTIONS = (
    "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
    "disable-component-update", "disable-sync", "disable-dev-shm-usage",
)  # fmt: skip


@contextmanager
def open_browser() -> Iterator[Any]:
    """A browser that records its console and its requests, as the logs C{browser} and C{performance}."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = _find("chromium")
    for word in OPTIONS:
        options.add_argument(f"--{word}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(_find("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def _find(program: str) -> str:
    """Return the path of a program. Raises C{LookupError}."""
    path = shutil.which(program)
    if path is None:
        raise LookupError(f"{program} is not installed, and tests of pages need it: apt-get install chromium-driver")
    return path


def resize(browser: Any, width: int, height: int) -> None:
    """Set the size of the viewport, which can be smaller than the smallest window."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def emulate(browser: Any, scheme: str) -> None:
    """Set the preferred color scheme: C{light} or C{dark}."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
