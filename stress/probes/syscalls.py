"""The number of system calls of a server in a period, counted by perf (perf-stat(1)).

Counting slows every system call of the machine down a little. So it is done in the warm-up, never in the measured time.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

EVENT = "raw_syscalls:sys_enter"
PERF_TIMEOUT_S = 10.0  # perf attaches slowly to a server with thousands of threads


class Uncounted(Exception):
    """perf is not installed, or lacks the permission to count."""


class Counting:
    """A perf process that watches processes with all their threads and later ones, inside C{with}; it counts from
    begin() to end(). All methods raise Uncounted."""

    def __init__(self, pids: list[int]) -> None:
        if not shutil.which("perf"):
            raise Uncounted("perf is not installed")
        self._pids = pids

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self._orders, theirs = self._fifo(folder / "orders")
        self._acks, acks = self._fifo(folder / "acks")
        self._output: IO[bytes] = self._stack.enter_context(tempfile.TemporaryFile())
        pids = ",".join(map(str, self._pids))
        command = ["perf", "stat", "-x", ",", "-D", "-1", "-e", EVENT, "-p", pids]
        command += ["--control", f"fd:{theirs},{acks}"]
        self._perf = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=self._output, pass_fds=(theirs, acks), start_new_session=True
        )
        return self

    def __exit__(self, *failure: object) -> None:
        self._perf.kill()
        self._perf.wait()
        self._stack.close()

    def _fifo(self, path: Path) -> tuple[int, int]:
        """Return both ends of a new pipe, each open for reading and writing: ours and perf's."""
        os.mkfifo(path)
        ends = os.open(path, os.O_RDWR), os.open(path, os.O_RDWR)
        for end in ends:
            self._stack.callback(os.close, end)
        return ends

    def begin(self, patience: float = PERF_TIMEOUT_S) -> None:
        """Start counting, if perf is ready within C{patience} seconds."""
        self._order(b"enable\n", patience)

    def end(self) -> int:
        """Return the number of system calls since begin()."""
        self._order(b"disable\n", PERF_TIMEOUT_S)
        self._perf.send_signal(signal.SIGINT)
        try:
            self._perf.wait(PERF_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise Uncounted("perf does not exit") from None
        self._output.seek(0)
        return counted(self._output.read().decode("utf-8", "replace"))

    def _order(self, order: bytes, patience: float) -> None:
        os.write(self._orders, order)
        if not select.select([self._acks], [], [], max(0.0, patience))[0] or self._perf.poll() is not None:
            raise Uncounted("perf does not answer")
        os.read(self._acks, 64)


def counted(output: str) -> int:
    """Return the number in the output of `perf stat -x ,`. Raises Uncounted."""
    for line in output.splitlines():
        number, _, rest = line.partition(",")
        if EVENT in rest and number.isdigit():
            return int(number)
    raise Uncounted(output.strip()[-200:])
