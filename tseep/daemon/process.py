"""The process that a server has to itself: its signals, what twistd needs, and who is told that it cannot start."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Any, Callable

from twisted.application.service import IService, MultiService

from tseep.net.ports import CannotStart
from tseep.server.server import Server

_WRITTEN = (("logfile", "twistd.log"), ("pidfile", ""))
"""The options of twistd that name a file, and the file if the option is not given."""


class ProcessService(MultiService):
    """
    The service of a server in a process of its own.

    SIGTERM and SIGINT end the process with status 0, as they do in Redis; twistd would die of the signal. SIGHUP is
    ignored. A failure of the start is told in one line to whoever has started the process, in the background, too.

    @param twistd: its options. It adds C{statusPipe} when it has gone to the background.
    """

    def __init__(self, reactor: Any, server: Server, service: IService, twistd: Mapping[str, Any]) -> None:
        super().__init__()
        self._reactor = reactor
        self._server = server
        self._twistd = twistd
        self._errors = os.dup(2)  # which is not there any more in the background
        service.setServiceParent(self)

    def privilegedStartService(self) -> None:
        """Listen to signals, and let the server listen to clients."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._stop_on_signals()
        self._reactor.callWhenRunning(self._stop_on_signals)  # again, since the reactor has handlers of its own
        self._attempt(super().privilegedStartService)

    def _stop_on_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._server.stop())

    def startService(self) -> None:
        """Start the server."""
        self._attempt(super().startService)
        os.close(self._errors)

    def _attempt(self, start: Callable[[], None]) -> None:
        try:
            start()
        except CannotStart as error:
            os.write(self._errors, f"{error}\n".encode("utf-8", "surrogateescape"))
            if self._twistd.get("statusPipe") is None:
                error.code = 1  # it has been said; in the background it is to be in the log, too
            raise


def problem(twistd: Mapping[str, Any]) -> str:
    """What twistd would fail at with a traceback or, in the background, in silence; empty if it is nothing."""
    if twistd.get("chroot"):
        return ""  # where nothing is known of the files
    if not os.path.isdir(twistd.get("rundir", ".")):
        return f"twistd's --rundir {twistd['rundir']}: there is no such folder"
    for option, usual in _WRITTEN:
        path = twistd.get(option) or ("" if twistd.get("nodaemon") else usual)
        if (
            path
            and path != "-"
            and not os.access(path if os.path.exists(path) else os.path.dirname(path) or ".", os.W_OK)
        ):
            return f"twistd cannot write {path}; choose another file with twistd --{option}=FILE"
        if path and os.path.isdir(path):
            return f"twistd cannot write {path}, which is a folder; choose a file with twistd --{option}=FILE"
    for option, own in (("uid", os.getuid()), ("gid", os.getgid())):
        if twistd.get(option) not in (None, own) and os.geteuid() != 0:
            return f"twistd's --{option} needs root's rights"
    return ""
