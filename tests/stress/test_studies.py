"""The studies with small numbers, and the faults that they detect."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Callable

import pytest

from studies import baseline, client, common, publish, versus

from ..support.servers import ROOT

HANG_S = 600
"""Seconds after which a study is taken to hang, however busy the machine is."""


def _run(*words: str) -> str:
    run = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=HANG_S)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_durable() -> None:
    """durable loads both formats of the keys, writes with each policy, and prints both tables."""
    output = _run("stress/study.py", "durable", "--keys", "2000", "--clients", "10", "--rounds", "1")
    assert "| 2,000 keys from a snapshot, s" in output and "| 2,000 keys from an append-only file, s" in output
    for policy in ("no append-only file", "--appendfsync no", "--appendfsync everysec", "--appendfsync always"):
        assert f"| SET, {policy}, requests/s" in output


def test_slow() -> None:
    """slow prints each server with a client that hardly reads, from which tseep stops reading."""
    output = _run("stress/study.py", "slow", "--gets", "500000", "--time", "1")
    rows = [line.split("|") for line in output.splitlines() if line.startswith(("| redis", "| v"))]
    assert len(rows) == 3
    assert all(int(cells[5].replace(",", "")) < 500_000 for cells in rows if cells[1].startswith(" v"))


def test_memory() -> None:
    """memory compares the counted bytes with the server's growth."""
    words = [
        sys.executable,
        "stress/study.py",
        "memory",
        "--keys",
        "50000",
        "--only",
        "strings of 1,000",
        "--settle",
        "0.1",
    ]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=HANG_S)
    assert done.returncode in (0, 1), done.stderr  # PyPy's heap grows by more than the counted bytes
    output = done.stdout
    assert re.search(r"\| strings of 1,000 bytes \| [\d.]+ \| [\d.]+ \| (0|1)\.\d\dx \|", output)


def test_publish() -> None:
    """All servers deliver all messages, and the table has the rates."""
    output = _run("stress/study.py", "publish", "--subscribers", "20", "--messages", "50", "--rounds", "1")
    line = next(line for line in output.splitlines() if "deliveries/s" in line)
    assert len(re.findall(r"[\d,]+ \(\d+\.\d\dx\)", line)) == 3
    assert "(1.00x)" in line


def test_large() -> None:
    """Each type and each way of freeing has a row."""
    output = _run("stress/study.py", "large", "--elements", "2k", "--calls", "3", "--settle", "0.1")
    for name in ("set", "hash", "list", "sorted set", "stream", "`SMEMBERS`", "`UNLINK k`", "`FLUSHALL ASYNC`"):
        assert f"\n| {name}" in output, name


def test_slots() -> None:
    """Each number of slots has a row; a kernel without the table gives one line."""
    words = ["stress/study.py", "slots", "--slots", "2,64", "--threads", "20", "--starts", "2", "--time", "0.1"]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=HANG_S)
    if done.returncode == 2:
        assert "this needs Linux 6.16 or later" in done.stderr
        assert "Traceback" not in done.stderr
    else:
        assert re.search(r"^\| 2 \| [\d,]+ .*\n\| 64 \| [\d,]+ ", done.stdout, re.MULTILINE), done.stderr


def test_threads(tmp_path: Path) -> None:
    """v1, and v1 without one of its settings, are started several times; the JSON has every start."""
    document = tmp_path / "threads.json"
    words = ["stress/study.py", "threads", "--clients", "30", "--starts", "2", "--time", "0.3", "--json", str(document)]
    words += ["--against", "v1-kernel-slots,v1-5ms"]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=HANG_S)
    assert done.returncode in (0, 1), done.stderr  # other programs can slow a start down
    for name in ("v1", "v1-kernel-slots", "v1-5ms"):
        assert re.search(rf"^\| 30 \| {name} \| [\d,]+ \| [\d,]+ \| [\d,]+ \| \d of 2 \|", done.stdout, re.MULTILINE)
    runs = json.loads(document.read_text())["runs"]
    assert sorted(run["server"] for run in runs) == ["v1"] * 2 + ["v1-5ms"] * 2 + ["v1-kernel-slots"] * 2


@pytest.mark.parametrize("mode", ["v1", "v2", "v3"])
def test_waiting(mode: str) -> None:
    """Each operation under load has a row, in each mode."""
    output = _run("stress/study.py", "waiting", "--mode", mode, "--clients", "30", "--time", "0.5")
    for what in ("PING", "`/health`", "`/metrics`", "`/`", "BUSY", "`SCRIPT KILL`", "SIGTERM"):
        assert re.search(rf"^\| 30 \| {what}", output, re.MULTILINE), what


def test_studies_are_listed() -> None:
    """study.py lists each study with its title; an unknown name is refused, with the list."""
    output = _run("stress/study.py", "--help")
    names = [
        "agree",
        "baseline",
        "durable",
        "large",
        "memory",
        "publish",
        "slots",
        "slow",
        "threads",
        "versus",
        "waiting",
    ]
    assert re.findall(r"^  (\w+) +\S", output, re.MULTILINE) == names
    for words, message in ((["nothing"], "there is no study 'nothing'"), ([], "usage: ")):
        done = subprocess.run([sys.executable, "stress/study.py", *words], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 2
        assert message in done.stderr
        assert "versus" in done.stderr


@pytest.mark.packaging
def test_baseline() -> None:
    """A commit and this tree are built and measured; each test has a ratio, and the worktree is removed."""
    words = ["baseline", "HEAD", "--rounds", "3", "--time", "0.1", "--clients", "10"]
    command = [sys.executable, "stress/study.py", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANG_S)
    assert done.returncode in (0, 1), done.stderr  # a tenth of a second is too short for a significant ratio
    for title in ("SET", "GET", "SET -P 16", "GET -P 16"):
        ratio = r"[\d.]+x \([\d.]+x to [\d.]+x\)"
        rates = rf"\| {title} \| [\d,]+ \| [\d,]+ \| {ratio} \| {ratio} \| (not slower|SLOWER) \|"
        assert re.search(rates, done.stdout), done.stdout
    assert ("SLOWER" in done.stdout) == (done.returncode == 1)
    worktrees = subprocess.run(["git", "worktree", "list"], cwd=ROOT, capture_output=True, text=True).stdout
    assert "tseep-baseline" not in worktrees


def test_baseline_without_such_a_commit() -> None:
    """An unknown commit gives git's message and status 2."""
    command = [sys.executable, "stress/study.py", "baseline", "no-such-commit"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANG_S)
    assert (done.returncode, "no-such-commit" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("low", "middle", "high", "slower"),
    [(0.9, 0.95, 0.99, True), (0.9, 0.95, 1.0, False), (0.97, 0.98, 0.99, False), (1.1, 1.2, 1.3, False)],
)
def test_slower(low: float, middle: float, high: float, slower: bool) -> None:
    """A test is slower when its interval excludes 1 and its median is below 0.98."""
    assert baseline.is_slower({"low": low, "median": middle, "high": high}) == slower


def test_rounds_have_an_interval(capsys: pytest.CaptureFixture[str]) -> None:
    """Two rounds are refused, as they have no interval."""
    with pytest.raises(SystemExit):
        baseline.parser().parse_args(["HEAD", "--rounds", "2"])
    assert "2 rounds have no interval" in capsys.readouterr().err


def _talk(answers: bytes, talk: Callable[[socket.socket], None]) -> None:
    """Run C{talk} with a peer that sends C{answers} and EOF."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(answers)
        theirs.shutdown(socket.SHUT_WR)
        talk(ours)


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:-3] + b"y\r\n", lambda data: data[9:]])
def test_wrong_message(damage: Callable[[bytes], bytes]) -> None:
    """A message that is incomplete, changed or missing raises Failed."""
    with pytest.raises(common.Failed):
        _talk(damage(publish.DELIVERED * 3), lambda ours: publish.receive([ours], 3))
    _talk(publish.DELIVERED * 3, lambda ours: publish.receive([ours], 3))


def test_lost_subscriber() -> None:
    """A message that did not reach all subscribers raises Failed."""
    with pytest.raises(common.Failed):
        _talk(b":1\r\n", lambda ours: publish.publish(ours, 1, 2))
    _talk(b":2\r\n", lambda ours: publish.publish(ours, 1, 2))


def test_errors_are_found() -> None:
    """An error reply of the server raises Failed."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        peer, _ = listening.accept()
        with peer:
            peer.recv(1000)
            peer.sendall(b"*2\r\n$1\r\nx\r\n$-1\r\n-ERR no\r\n")

    server = threading.Thread(target=serve)
    server.start()
    connection = client.Connection(listening.getsockname())
    connection.send(["GET x"])
    connection.skip()
    with pytest.raises(common.Failed, match="ERR no"):
        connection.skip()
    server.join()
    listening.close()


def test_percentile() -> None:
    """The percentile is one of the values."""
    assert [client.percentile([3.0, 1.0, 2.0], share) for share in (0.0, 0.5, 0.99)] == [1.0, 2.0, 3.0]


def test_types() -> None:
    """Tests that remove elements have a command that adds them, and a command without a test of its own has words."""
    kinds = {kind.command: kind for kind in versus.TYPE_TESTS}
    assert kinds["RPOP"].fill
    assert kinds["SPOP"].fill
    assert kinds["XADD"].words[0] == "XADD"
    assert common.requests_per_second('"test","rps"\n"MSET (10 keys)","5.0"\n', "MSET") == 5.0
