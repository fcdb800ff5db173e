"""Whatever ends pytest, no server stays: interrupted and killed runs, also with forked processes."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from .conftest import ended, start_pytest

FORKING = """
import os, time

def test_long(tseep_server, tseep_factory):
    other = tseep_factory("v3")
    pids = [*tseep_server.pids(), *other.pids()]
    for _ in range({forks}):
        pid = os.fork()
        if not pid:
            time.sleep(1000)
        pids.append(-pid)
    print("processes", *pids, flush=True)
    while True:
        tseep_server.flush()
"""

TIMES = int(os.environ.get("TSEEP_INTERRUPTIONS", 1))
"""How often each kind of interruption is tried."""


@pytest.mark.parametrize("signals", [["SIGINT"], ["SIGINT", "SIGINT"], ["SIGTERM"], ["SIGKILL"]], ids=" ".join)
@pytest.mark.parametrize("forks", [0, 2])
@pytest.mark.parametrize("time", range(TIMES))
def test_nothing_is_left(tmp_path: Path, signals: list[str], forks: int, time: int) -> None:
    """The servers end with pytest, although processes that a test has forked go on."""
    (tmp_path / "test_it.py").write_text(FORKING.format(forks=forks))
    tests = start_pytest(tmp_path)
    assert tests.stdout is not None
    forked: list[int] = []
    try:
        found = (re.search(r"processes (.*)", line) for line in tests.stdout)
        pids = [int(word) for word in next(filter(None, found))[1].split()]
        forked = [-pid for pid in pids if pid < 0]
        for name in signals:
            tests.send_signal(signal.Signals[name])
        ended(*[pid for pid in pids if pid > 0], tests.pid)
        assert all(Path(f"/proc/{pid}").exists() for pid in forked)
    finally:
        for pid in forked:
            os.kill(pid, signal.SIGKILL)
        tests.kill()
        tests.communicate()
