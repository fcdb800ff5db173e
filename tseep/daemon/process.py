"""A server's own process: signals, checks of twistd's options, and the message of a start that fails."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Any, Callable

from twisted.application.service import IService, MultiService

from tseep.net.ports import CannotStart
from tseep.server.server import Server

_WRITTEN = (("logfile", "twistd.log"), ("pidfile", ""))
"""twistd's options that name a file it writes, with the default in the background."""


class ProcessService(MultiService):
    """
    The service of a server that has a process of its own.

    SIGTERM and SIGINT shut down with status 0, as in Redis; with twistd's handlers the process would die of the signal.
    SIGHUP is ignored. A start that fails writes one line to the original standard error, in the background too.

    @param twistd: twistd's options. twistd adds C{statusPipe} when it daemonizes.
    """

    def __init__(self, reactor: Any, server: Server, service: IService, twistd: Mapping[str, Any]) -> None:
        super().__init__()
        self._reactor = reactor
        self._server = server
        self._twistd = twistd
        self._errors = os.dup(2)  # a daemon's standard error is /dev/null when the start fails
        service.setServiceParent(self)

    def privilegedStartService(self) -> None:
        """Install the signal handlers, then listen."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._stop_on_signals()
        self._reactor.callWhenRunning(self._stop_on_signals)  # again: a starting reactor installs its own handlers
        self._attempt(super().privilegedStartService)

    def _stop_on_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._server.stop())

    def startService(self) -> None:
        self._attempt(super().startService)
        os.close(self._errors)

    def _attempt(self, start: Callable[[], None]) -> None:
        try:
            start()
        except CannotStart as error:
            os.write(self._errors, f"{error}\n".encode("utf-8", "surrogateescape"))
            if self._twistd.get("statusPipe") is None:
                error.code = 1  # the line is written already; a daemon also logs it
            raise


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
