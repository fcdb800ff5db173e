"""The recipes of docs/testing.md: each is a section with the files of a folder, in which pytest runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from .servers import ROOT

PAGE = (ROOT / "docs" / "testing.md").read_text()

EXAMPLES, _APPLICATIONS = PAGE.split("\n## Applications\n")
"""The page before the recipes."""

_BLOCK = re.compile(r"```\w+\n# (\S+)\n(.*?)```", re.DOTALL)


def files(text: str) -> dict[str, str]:
    """Return the blocks of code that begin with the name of a file, by that."""
    return dict(_BLOCK.findall(text))


RECIPES: dict[str, dict[str, str]] = {
    section.partition("\n")[0]: files(section) for section in _APPLICATIONS.split("\n## ")[0].split("\n### ")[1:]
}
"""Files by heading of the recipe."""


def run_recipe(recipe: dict[str, str], folder: Path, needs: tuple[str, ...]) -> str:
    """
    Write the files of a recipe, and run pytest there, with all plugins that are installed.

    @param needs: the packages that the recipe imports.
    @return: what pytest writes.
    @raise AssertionError: if a package is not installed.
    """
    missing = [name for name in needs if find_spec(name) is None]
    assert not missing, f"{', '.join(missing)} is not installed, and the recipe imports it: make apps installs it"
    for name, text in recipe.items():
        (folder / name).write_text(text)
    command = [sys.executable, "-m", "pytest", "--rootdir", str(folder), "-p", "no:cacheprovider"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=600)
    return done.stdout + done.stderr


def broken(recipe: dict[str, str], file: str, old: str, new: str) -> dict[str, str]:
    """
    Return a recipe with a defect.

    @raise AssertionError: if the file does not have the old text.
    """
    assert old in recipe[file], f"{file} has no {old!r}"
    return {**recipe, file: recipe[file].replace(old, new)}
