"""Work in a forked child process, which has the data as they were at the fork."""

from __future__ import annotations

import faulthandler
import gc
import os
import resource
import signal
import traceback
import warnings
from typing import Callable

MAX_REPORT_BYTES = 4096
"""Maximum bytes of a child's error report."""


class ForkedChild:
    """
    A child process that runs one function and exits. It closes the descriptors that it inherits, so that connections
    that the parent closes are closed for their clients, too, and signals that the parent handles end it.

    @param work: the function.
    @param now: seconds of the monotonic clock.
    @param kept: descriptors that the child does not close.
    @ivar pid: the child's process ID.
    @ivar started: C{now}.
    """

    def __init__(self, work: Callable[[], None], now: float, kept: tuple[int, ...] = ()) -> None:
        self.started = now
        self._read_end, write_end = os.pipe()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # CPython 3.12: threads; the child uses none
                self.pid = os.fork()
        except OSError:
            os.close(self._read_end)
            os.close(write_end)
            raise
        if not self.pid:
            _run(work, write_end, kept)
        os.close(write_end)

    def ended(self) -> str | None:
        """Poll the child: None while it runs, then an empty text on success, or the error."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid:
            return None
        report = os.read(self._read_end, MAX_REPORT_BYTES).decode("utf-8", "replace")
        os.close(self._read_end)
        if os.WIFSIGNALED(status):
            return f"terminated by signal {os.WTERMSIG(status)}"
        return report if os.WEXITSTATUS(status) else ""

    def kill(self) -> None:
        """Kill the child, and wait until it has exited."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._read_end)


def _run(work: Callable[[], None], write_end: int, kept: tuple[int, ...]) -> None:
    """Run the function in the child, and exit without the parent's exit handlers. Does not return."""
    status = 1
    try:
        _become_child({write_end, *kept})
        work()
        status = 0
    except BaseException as error:
        text = str(error) if isinstance(error, OSError) else traceback.format_exc()
        os.write(write_end, text.encode("utf-8", "replace")[-MAX_REPORT_BYTES:])
    finally:
        os._exit(status)


def _become_child(kept: set[int]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    faulthandler.disable()  # its file is closed below
    gc.disable()  # a collection would write to, and so copy, all memory
    first = 3
    for kept_one in sorted(kept):
        os.closerange(first, kept_one)
        first = kept_one + 1
    os.closerange(first, min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 1 << 20))
