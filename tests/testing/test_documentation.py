"""The examples of docs/testing.md do as it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ..support import recipes
from ..support.recipes import PAGE, RECIPES, broken, run_recipe
from ..support.servers import ROOT
from .conftest import PLAIN

EXAMPLES = recipes.files(recipes.EXAMPLES)
"""The examples by the names of their files."""

PYTEST = sorted(name for name in EXAMPLES if name.startswith("test_") and name != "test_trial.py")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the examples."""
    for name, text in EXAMPLES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run([sys.executable, *words], cwd=folder, env=env, capture_output=True, text=True, timeout=600)


def test_pytest(folder: Path) -> None:
    """The examples for pytest pass."""
    assert len(PYTEST) == 7
    done = run(folder, "-m", "pytest", *PLAIN, *PYTEST)
    assert re.search(r"\b10 passed\b", done.stdout), done.stdout + done.stderr


def test_trial(folder: Path) -> None:
    """The example for trial passes."""
    done = run(folder, "-m", "twisted.trial", "test_trial")
    assert done.returncode == 0, done.stdout + done.stderr


def test_child_process(folder: Path) -> None:
    """The example without a test runner runs."""
    done = run(folder, "use_child.py")
    assert done.stdout.startswith("redis://127.0.0.1:"), done.stderr


ASYNCIO, OF_MODULE = "asyncio", "asyncio, with a client of the module"

loops_of_locks = pytest.mark.skipif(sys.version_info < (3, 10), reason="Python 3.9 binds locks to loops at import")


@pytest.mark.parametrize("name", [ASYNCIO, pytest.param(OF_MODULE, marks=loops_of_locks)])
def test_recipe(name: str, tmp_path: Path) -> None:
    """The recipes for asyncio pass; tests/apps has the others."""
    shown = run_recipe(RECIPES[name], tmp_path, ("anyio", "pytest_asyncio"))
    assert re.search(rf"\b{2 if name == ASYNCIO else 3} passed\b", shown), shown


@pytest.mark.parametrize(
    ("name", "file", "old", "new", "test"),
    [
        (ASYNCIO, "test_asyncio.py", "advance(301)", "advance(200)", "test_consumer_gives_up_after_five_minutes"),
        (ASYNCIO, "test_anyio.py", "seconds=60", "seconds=0.001", "test_slow_server"),
        pytest.param(OF_MODULE, "mails.py", "rpush", "lpush", "test_one_command", marks=loops_of_locks),
        pytest.param(OF_MODULE, "pytest.ini", "= session", "= function", r"test_\w+", marks=loops_of_locks),
    ],
)
def test_broken_recipe(name: str, file: str, old: str, new: str, test: str, tmp_path: Path) -> None:
    """A test of a broken recipe fails."""
    shown = run_recipe(broken(RECIPES[name], file, old, new), tmp_path, ("anyio", "pytest_asyncio"))
    assert re.search(rf"^FAILED \S+::{test}\b", shown, re.MULTILINE), shown


def test_page_is_complete() -> None:
    """The page names each fixture, option and setting of the plugin."""
    source = (ROOT / "pytest_tseep" / "plugin.py").read_text()
    names = re.findall(r"^def (tseep_\w+)", source, re.MULTILINE)
    names += re.findall(r'add(?:ini|option)\(\s*"([\w-]+)"', source)
    assert len(names) >= 9 + 6 + 4
    assert [name for name in names if f"`{name}" not in PAGE] == []
