"""Work in a copy of the process, which sees the data as they were when it began."""

from __future__ import annotations

import gc
import os
import resource
import signal
import traceback
import warnings
from typing import Callable

MESSAGE = 4096
"""Bytes of what a child can say of its failure."""


class Child:
    """
    A child process that does one thing and ends. It has no open file of its parent's, so that clients whom the parent
    lets go are gone, and it dies of signals that the parent would handle.

    @param work: done in the child.
    @param now: seconds on the monotonic clock.
    @ivar pid: its process ID, C{started} when it began.
    """

    def __init__(self, work: Callable[[], None], now: float) -> None:
        self.started = now
        self._told, tell = os.pipe()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # CPython 3.12's, of threads: the child uses none
                self.pid = os.fork()
        except OSError:
            os.close(self._told)
            os.close(tell)
            raise
        if not self.pid:
            _run(work, tell)
        os.close(tell)

    def ended(self) -> str | None:
        """Look how it is: None while it works, then an empty text, or what went wrong."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid:
            return None
        told = os.read(self._told, MESSAGE).decode("utf-8", "replace")
        os.close(self._told)
        if os.WIFSIGNALED(status):
            return f"it was ended by signal {os.WTERMSIG(status)}"
        return told if os.WEXITSTATUS(status) else ""

    def kill(self) -> None:
        """End it, and wait until it has."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._told)


def _run(work: Callable[[], None], tell: int) -> None:
    """What the child does. It never returns, and runs nothing of what its parent would at its end."""
    status = 1
    try:
        _become_child(tell)
        work()
        status = 0
    except BaseException as error:
        text = str(error) if isinstance(error, OSError) else traceback.format_exc()
        os.write(tell, text.encode("utf-8", "replace")[-MESSAGE:])
    finally:
        os._exit(status)


def _become_child(tell: int) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    gc.disable()  # it would touch, and so copy, all memory
    os.closerange(3, tell)
    os.closerange(tell + 1, min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 1 << 20))
