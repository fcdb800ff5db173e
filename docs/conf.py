"""Configuration of the documentation site (Sphinx, https://www.sphinx-doc.org/en/master/usage/configuration.html)."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

project = "tseep"
author = "the authors of tseep"
(version,) = re.findall(r'^__version__ = "(.+)"', (ROOT / "tseep" / "__init__.py").read_text(), re.MULTILINE)
release = version

extensions = ["myst_parser", "sphinx_copybutton"]
html_theme = "furo"
html_title = f"tseep {version}"
nitpicky = True
smartquotes = False  # an option such as --dir stays as it is

myst_heading_anchors = 3
"""Levels of headings that links can name, so that an internal link to a missing heading is a warning."""

copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True
