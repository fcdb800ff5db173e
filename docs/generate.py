"""
Writes the pages and tables of the documentation that are made from the code.

    python docs/generate.py

C{make docs} runs it, and a test fails while a page differs from what it writes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import commands
import directives
import metrics
import options
import packages
import suite
import targets

DOCS = Path(__file__).resolve().parent

PAGES: dict[str, Callable[[str], str]] = {
    "architecture/overview.md": packages.document,
    "commands.md": lambda text: commands.page(),
    "make-targets.md": lambda text: targets.page(),
    "metrics.md": lambda text: metrics.page(),
    "options.md": lambda text: options.page(),
    "redis-suite.md": suite.document,
    "upgrading.md": directives.document,
}
"""By file, a function that takes the page's present text and returns the text that it must have."""


def generated(name: str) -> str:
    """Return the text that the page C{name} must have."""
    return PAGES[name]((DOCS / name).read_text())


if __name__ == "__main__":
    for name in PAGES:
        (DOCS / name).write_text(generated(name))
