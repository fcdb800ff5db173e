"""L{tseep.testing} as other people use it: the examples of docs/testing.md, and what comes after an interruption."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from ..support.servers import ROOT, until

EXAMPLES: dict[str, str] = dict(
    re.findall(r"```python\n# (\S+)\n(.*?)```", (ROOT / "docs" / "testing.md").read_text(), re.DOTALL)
)
"""The examples by the names of their files."""


def _run(folder: Path, *words: str, **how: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, **how)


def _write(folder: Path, text: str) -> None:
    (folder / "test_it.py").write_text(text)


def _passed(run: subprocess.CompletedProcess[str], count: int) -> bool:
    return re.search(rf"\b{count} passed\b", run.stdout) is not None and run.returncode == 0


def test_examples(tmp_path: Path) -> None:
    """The examples of the documentation do as it says."""
    assert set(EXAMPLES) == {"test_sync.py", "test_async.py", "test_trial.py", "use_child.py"}
    for name, text in EXAMPLES.items():
        (tmp_path / name).write_text(text)
    run = _run(tmp_path, "pytest", "-p", "no:cacheprovider", "test_sync.py", "test_async.py")
    assert _passed(run, 3), run.stdout + run.stderr
    run = _run(tmp_path, "twisted.trial", "test_trial")
    assert run.returncode == 0, run.stdout + run.stderr
    run = subprocess.run([sys.executable, "use_child.py"], cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert run.stdout.startswith("redis://127.0.0.1:"), run.stderr


def test_as_good_as_new(tmp_path: Path) -> None:
    """A test finds nothing that the one before it has left: keys, scripts, functions, configuration, a pause."""
    _write(
        tmp_path,
        """
import pytest, redis

@pytest.mark.parametrize("turn", [1, 2])
def test_turn(tseep_server, turn):
    client = redis.Redis(tseep_server.host, tseep_server.port)
    assert client.config_get("timeout") == {"timeout": "0"}
    assert client.dbsize() == 0
    assert client.script_exists("e0e1f9fabfc9d4800c877a703b823ac0578ff8db") == [False]
    assert client.function_list() == []
    client.set("k", "v")
    client.script_load("return 1")
    client.function_load("#!lua name=x\\nredis.register_function('f', function() return 1 end)")
    client.config_set("timeout", 5)
    client.client_pause(100000, all=False)

def test_factory(tseep_factory, tseep_server):
    server = tseep_factory("v1", requirepass="secret")
    assert server.port != tseep_server.port
    client = redis.Redis(server.host, server.port, password="secret")
    assert client.ping()
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(server.host, server.port).ping()
""",
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\ntseep_mode = v1\n")
    run = _run(tmp_path, "pytest", "-p", "no:cacheprovider")
    assert _passed(run, 3), run.stdout + run.stderr


def test_nothing_is_left(tmp_path: Path) -> None:
    """A server ends when the tests are killed, whatever they were doing."""
    _write(
        tmp_path,
        """
import time

def test_long(tseep_proc):
    print("server", tseep_proc.pid, flush=True)
    time.sleep(100)
""",
    )
    tests = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-s", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert tests.stdout is not None
    lines: list[str] = []
    while not lines or "server" not in lines[-1]:
        lines.append(tests.stdout.readline())
        assert lines[-1], lines
    server = int(lines[-1].rpartition("server")[2])
    tests.send_signal(signal.SIGKILL)
    tests.communicate()
    until(lambda: not _is_running(server), "the server ends")


def _is_running(pid: int) -> bool:
    """Whether a process is there, and not only because nobody has asked for its status yet."""
    try:
        os.kill(pid, 0)
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_cannot_start() -> None:
    """A server that cannot start says why."""
    code = "from tseep.testing import ChildProcess; ChildProcess(timeout='soon')"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert "RuntimeError: tseep does not answer" in run.stderr
    assert "couldn't be parsed into an integer" in run.stderr
