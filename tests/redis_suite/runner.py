"""Runs one unit of Redis's suite in a process group of its own, within a time and a memory limit."""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .source import FOLDER, Unavailable, prepare

ADDRESS_SPACE = 6 * 2**30
"""Bytes of address space of each process of a unit."""

PORTS = 1000
"""TCP ports of each unit that runs; the last is held while it runs, so that two runs never share them."""

_LINE = re.compile(r"^\[(ok|err|exception|ignore|skip)\]: (.*)$")
_TIME = re.compile(r" \(\d+ ms\)$")
_PLACE = re.compile(r" in tests/\S+\.tcl.*$")

_ASSERTION = len("assertion:")
"""Length of the prefix that the suite cuts off every error outside a test, also off those without it."""


@dataclass
class Result:
    """
    The result of a unit.

    @ivar ok, failed: by test, how many times it passed or failed; several tests can have one name.
    @ivar errors: by text, how many errors outside a test have ended a block of tests.
    @ivar finished: whether the unit ran to its end.
    @ivar reason: why it did not.
    @ivar seconds: its duration.
    """

    unit: str
    ok: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    finished: bool = False
    reason: str = ""
    seconds: float = 0.0


def run(unit: str, mode: str, slot: int, limit: float, skipped: Sequence[str] = ()) -> Result:
    """
    Run a unit.

    @param slot: number of the folder, for units that run at the same time.
    @param skipped: names of tests that do not run.
    @param limit: seconds after which the unit is killed.
    """
    tree = FOLDER / f"run-{mode}-{slot}"
    output = output_of(unit, mode)
    output.parent.mkdir(parents=True, exist_ok=True)
    prepare(tree, mode)
    started = time.monotonic()
    chosen = [word for test in skipped for word in ("--skiptest", test)]
    chosen += ["--tags", "-needs:repl -repl"]
    with _ports() as first, output.open("w") as log:
        command = ["tclsh", "tests/test_helper.tcl", "--single", unit, "--clients", "1", "--durable", "--dump-logs"]
        command += ["--baseport", str(first), "--portcount", str(PORTS - 1), "--timeout", str(int(limit)), *chosen]
        process = subprocess.Popen(
            command,
            cwd=tree,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TERM": "dumb"},
            start_new_session=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE)),
        )
        timed_out = False
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            _kill_group(process)
    result = read(unit, output)
    result.seconds = time.monotonic() - started
    if timed_out:
        result.finished, result.reason = False, f"not finished within {limit:.0f} s"
    return result


def output_of(unit: str, mode: str) -> Path:
    """Return the file with the output of a unit's last run in a mode."""
    return FOLDER / "output" / mode / f"{unit.replace('/', '-')}.log"


@contextmanager
def _ports() -> Iterator[int]:
    """Hold a range of L{PORTS} ports of 127.0.0.1; the value is its first port."""
    for first in range(11000, 31000, PORTS):
        with socket.socket() as held:
            try:
                held.bind(("127.0.0.1", first + PORTS - 1))
            except OSError:
                continue
            yield first
            return
    raise Unavailable("no range of ports is free")


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill what a unit has left: its servers are in its process group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def read(unit: str, output: Path) -> Result:
    """Return the result that a unit's output states."""
    result = Result(unit)
    lines = output.read_text(errors="replace").splitlines()
    for line, after in zip(lines, [*lines[1:], ""]):
        match = _LINE.match(line)
        if match is None:
            if line.startswith(f"[1/1 done]: {unit} "):
                result.finished = True
            continue
        status, text = match.groups()
        if status == "ok":
            result.ok[_TIME.sub("", text)] += 1
        elif status == "err" and _PLACE.search(text):
            result.failed[_PLACE.sub("", text)] += 1
        elif status == "err":
            result.errors[after if after[_ASSERTION:] == text else text] += 1
        elif status == "exception":
            result.finished, result.reason = False, text
    if not result.finished and not result.reason:
        result.reason = "ended early"
    return result
