"""The examples of docs/testing.md do as it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ..support.servers import ROOT
from .conftest import PLAIN

PAGE = (ROOT / "docs" / "testing.md").read_text()

EXAMPLES: dict[str, str] = dict(re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE, re.DOTALL))
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
    return subprocess.run([sys.executable, *words], cwd=folder, env=env, capture_output=True, text=True, timeout=100)


def test_pytest(folder: Path) -> None:
    """The examples for pytest pass."""
    assert len(PYTEST) == 6
    done = run(folder, "-m", "pytest", *PLAIN, *PYTEST)
    assert re.search(r"\b8 passed\b", done.stdout), done.stdout + done.stderr


def test_trial(folder: Path) -> None:
    """The example for trial passes."""
    done = run(folder, "-m", "twisted.trial", "test_trial")
    assert done.returncode == 0, done.stdout + done.stderr


def test_child_process(folder: Path) -> None:
    """The example without a test runner runs."""
    done = run(folder, "use_child.py")
    assert done.stdout.startswith("redis://127.0.0.1:"), done.stderr


def test_page_is_complete() -> None:
    """The page names each fixture, option and setting of the plugin."""
    source = (ROOT / "pytest_tseep" / "plugin.py").read_text()
    names = re.findall(r"^def (tseep_\w+)", source, re.MULTILINE)
    names += re.findall(r'add(?:ini|option)\(\s*"([\w-]+)"', source)
    assert len(names) >= 9 + 6 + 4
    assert [name for name in names if f"`{name}" not in PAGE] == []
