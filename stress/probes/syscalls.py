"""How many system calls a server makes, counted by perf (perf-stat(1)) for a while.

Counting makes each call of the whole machine a little dearer, so it is done in the warm-up, never in what
is measured.
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
PATIENCE = 10.0  # seconds; a server of thousands of threads takes long to attach to


class Uncounted(Exception):
    """perf is not there, or may not count."""


class Counting:
    """A perf that watches processes, all their threads and those that they start; it counts from begin() to
    end(), inside `with`. Everything raises Uncounted."""

    def __init__(self, pids: list[int]) -> None:
        if not shutil.which("perf"):
            raise Uncounted("there is no perf")
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
        """Return the two ends of a pipe, ours and perf's, both for reading and writing."""
        os.mkfifo(path)
        ends = os.open(path, os.O_RDWR), os.open(path, os.O_RDWR)
        for end in ends:
            self._stack.callback(os.close, end)
        return ends

    def begin(self, patience: float = PATIENCE) -> None:
        """Begin to count, if perf is ready for it within so many seconds."""
        self._order(b"enable\n", patience)

    def end(self) -> int:
        """Return how many system calls there were."""
        self._order(b"disable\n", PATIENCE)
        self._perf.send_signal(signal.SIGINT)
        try:
            self._perf.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Uncounted("perf does not end") from None
        self._output.seek(0)
        return counted(self._output.read().decode("utf-8", "replace"))

    def _order(self, word: bytes, patience: float) -> None:
        os.write(self._orders, word)
        if not select.select([self._acks], [], [], max(0.0, patience))[0] or self._perf.poll() is not None:
            raise Uncounted("perf does not answer")
        os.read(self._acks, 64)


def counted(output: str) -> int:
    """Return the number in what `perf stat -x ,` printed; raises Uncounted."""
    for line in output.splitlines():
        number, _, rest = line.partition(",")
        if EVENT in rest and number.isdigit():
            return int(number)
    raise Uncounted(output.strip()[-200:])
