"""A server's own process: signals, checks of twistd's options, and the message of a start that fails."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Callable

from twisted.application.service import MultiService

from tseep.net.ports import CannotStart
from tseep.server.server import Server
from tseep.system import title

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from tseep.daemon.service import TseepService

_SHUTDOWN_PARAMETERS = {int(signal.SIGTERM): "shutdown-on-sigterm", int(signal.SIGINT): "shutdown-on-sigint"}
"""The parameter that has the options of the shutdown, by signal."""

_WRITTEN = (("logfile", "twistd.log"), ("pidfile", ""))
"""twistd's options that name a file it writes, with the default in the background."""

INSIST_MS = 1000
"""Milliseconds after a signal within which SIGINT does not count as another request: wrappers send signals twice."""

_NAMELESS = ("twistd", "__main__.py")
"""Programs that can run any server: the title of their process begins with C{tseep}, not with the program's path."""


class ProcessService(MultiService):
    """
    The service of a server that has a process of its own.

    SIGTERM and SIGINT shut down with status 0, as in Redis; with twistd's handlers the process would die of the signal.
    SIGHUP is ignored. A start that fails writes one line to the original standard error, in the background too, and
    ends with status 1. The start lasts until the data are loaded.

    @param twistd: twistd's options. When it daemonizes, twistd adds C{statusPipe}, where the process that has started
        the daemon waits for the result: C{0}, or a digit and the reason of a failure.
    """

    def __init__(self, reactor: Any, server: Server, service: TseepService, twistd: dict[str, Any]) -> None:
        super().__init__()
        self._loaded = service.loaded
        self._status_pipe: int | None = None
        self._reactor = reactor
        self._server = server
        self._twistd = twistd
        self._errors = os.dup(2)  # a daemon's standard error is /dev/null when the start fails
        service.setServiceParent(self)

    def privilegedStartService(self) -> None:
        """Install the signal handlers, then listen."""
        host = self._server.host
        host.crash_log = _open_log(self._twistd)
        host.set_crash_log(self._server.config["crash-log-enabled"] == "yes")
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._stop_on_signals()
        self._reactor.callWhenRunning(self._stop_on_signals)  # again: a starting reactor installs its own handlers
        self._attempt(super().privilegedStartService)

    def _stop_on_signals(self) -> None:
        for number in _SHUTDOWN_PARAMETERS:
            signal.signal(number, lambda number, _: self._shut_down(number))

    def _shut_down(self, number: int) -> None:
        """
        Request a shutdown. If one is requested already, SIGINT exits at once, with status 1: while a snapshot is
        written, or if a command has delayed the shutdown for L{INSIST_MS}.
        """
        server = self._server
        insists = number == signal.SIGINT and (server.stopping or server.requested_shutdown is not None)
        if insists and (server.persistence.snapshots.abandon() or server.shutdown_delay >= INSIST_MS):
            server.host.fail("You insist... exiting now.")
        if server.loading is not None:
            server.host.log(3, "Received shutdown signal during loading, scheduling shutdown.")
        else:
            server.host.log(3, f"Received {signal.Signals(number).name} scheduling shutdown...")
        server.request_stop(server.config[_SHUTDOWN_PARAMETERS[number]])

    def startService(self) -> None:
        if title.setproctitle is None:
            self._server.config.presume("set-proc-title", "no")
        self._attempt(super().startService)
        self._server.host.attach_title(self._change_title)
        self._change_title()
        if not self._loaded.called:
            self._status_pipe = self._twistd.pop("statusPipe", None)  # else twistd reports the success now
        self._loaded.addCallbacks(lambda _: self._report("0"), self._fail)

    def _change_title(self) -> None:
        program = sys.argv[0]
        text = self._server.title("tseep" if os.path.basename(program) in _NAMELESS else program)
        if text:
            title.set_title(text)

    def stopService(self) -> Any:
        self._report("1 the server was shut down while it loaded the data")
        return super().stopService()

    def _fail(self, failure: Failure) -> None:
        """Stop in order, and exit with status 1: the data could not be loaded."""
        self._write(f"{failure.value}")
        self._report(f"1 {failure.value}")
        atexit.register(_exit_with_failure)  # twistd returns after the reactor has stopped, and would exit with 0
        self._reactor.stop()

    def _report(self, status: str) -> None:
        """Report the result of the start to the process that waits for it, and close standard error; but once."""
        if self._status_pipe is not None:
            os.write(self._status_pipe, status.encode("utf-8", "surrogateescape"))
            os.close(self._status_pipe)
            self._status_pipe = None
        if self._errors >= 0:
            os.close(self._errors)
            self._errors = -1

    def _write(self, line: str) -> None:
        os.write(self._errors, f"{line}\n".encode("utf-8", "surrogateescape"))

    def _attempt(self, start: Callable[[], None]) -> None:
        try:
            start()
        except CannotStart as error:
            self._write(str(error))
            if self._twistd.get("statusPipe") is None:
                error.code = 1  # the line is written already; a daemon also logs it
            raise


def _open_log(twistd: Mapping[str, Any]) -> int:
    """
    Return the descriptor of the file for reports of crashes: standard error, or a new one of twistd's log, whose own is
    closed when the log is rotated.
    """
    name = twistd.get("logfile") or ("-" if twistd.get("nodaemon") else "twistd.log")
    return 2 if name == "-" else os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)


def _exit_with_failure() -> None:
    sys.stdout.flush()
    os._exit(1)


def twistd_problem(twistd: Mapping[str, Any]) -> str:
    """Return an error on which twistd would fail with a traceback, or silently in the background; empty if none."""
    if twistd.get("chroot"):
        return ""  # paths are relative to the new root, which cannot be checked here
    if not os.path.isdir(twistd.get("rundir", ".")):
        return f"twistd's --rundir {twistd['rundir']}: no such directory"
    for option, default in _WRITTEN:
        path = twistd.get(option) or ("" if twistd.get("nodaemon") else default)
        if (
            path
            and path != "-"
            and not os.access(path if os.path.exists(path) else os.path.dirname(path) or ".", os.W_OK)
        ):
            return f"twistd cannot write {path}; choose another file with twistd --{option}=FILE"
        if path and os.path.isdir(path):
            return f"twistd cannot write {path}, which is a directory; choose a file with twistd --{option}=FILE"
    for option, own in (("uid", os.getuid()), ("gid", os.getgid())):
        if twistd.get(option) not in (None, own) and os.geteuid() != 0:
            return f"twistd's --{option} needs root's rights"
    return ""
