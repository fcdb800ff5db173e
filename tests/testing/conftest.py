"""Runs of pytest with the plugin."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from pytest_tseep.child import ChildProcess

from ..support.servers import until

PLAIN = ("-p", "no:cacheprovider", "-p", "pytest_tseep.plugin")
"""Options of each run, which has this plugin alone."""

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs pytest in another process: takes the text of a module, options, and C{ini=} for the lines of pytest.ini."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run_module(text: str, *options: str, ini: str = "") -> pytest.RunResult:
        pytester.makepyfile(test_it=text)
        pytester.makefile(".ini", pytest=f"[pytest]\n{ini}\n")
        return pytester.runpytest_subprocess(*PLAIN, *options)

    return run_module


def start_pytest(folder: Path) -> subprocess.Popen[str]:
    """Start pytest in a folder, with this plugin alone, and with its output in a pipe."""
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-s", *PLAIN]
    return subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def child() -> Iterator[ChildProcess]:
    """A server in a child process."""
    with ChildProcess() as server:
        yield server


def is_running(pid: int) -> bool:
    """Whether a process runs: it is there, and is no zombie."""
    try:
        os.kill(pid, 0)
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


def ended(*pids: int) -> None:
    """
    Wait for the end of processes.

    @raise AssertionError: if one of them goes on; they are killed.
    """
    try:
        until(lambda: not any(is_running(pid) for pid in pids), f"processes {pids} end")
    finally:
        for pid in pids:
            if is_running(pid):
                os.kill(pid, signal.SIGKILL)
