"""The host of a server that runs on a Twisted reactor: log, threads, shutdown."""

from __future__ import annotations

import os
from typing import Any, Callable

from twisted.logger import Logger, LogLevel

from tseep.errors import CommandError
from tseep.interfaces import ServerHost
from tseep.system.oom_score import OomScore

_log = Logger("tseep.service.TseepService")  # the logger's name is part of the log format: filters depend on it

_LEVELS = [LogLevel.debug, LogLevel.debug, LogLevel.info, LogLevel.warn]
"""Twisted's log levels by Redis's level."""


class ReactorHost(ServerHost):
    """Writes to Twisted's log, uses the reactor's thread pool, and shuts down by stopping the reactor."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._oom_score = OomScore()

    def set_oom_score(self, mode: str, value: int) -> bool:
        try:
            self._oom_score.apply(mode, value)
        except OSError as error:
            self.log(3, f"Unable to set {error.filename} to {value} ({mode}): {error.strerror}; see oom-score-adj")
            return False
        return True

    def log(self, level: int, text: str) -> None:
        if level >= self.least_level:
            _log.emit(_LEVELS[level], "{text}", text=printable(text))

    def run_in_thread(self, work: Callable[[], None], done: Callable[[Exception | None], None]) -> None:
        def report(success: bool, result: Any) -> None:
            assert self._mode is not None
            error = None if success else result.value
            self._reactor.callFromThread(self._mode.call, lambda: done(error))

        self._reactor.getThreadPool().callInThreadWithCallback(report, work)

    def fail(self, reason: str) -> None:
        _log.critical("Exiting at once: {reason}", reason=reason)
        os._exit(1)

    def shut_down(self) -> None:
        self._reactor.callFromThread(self._stop_safely)

    def _stop_safely(self) -> None:
        """Stop the service, unless data would be lost."""
        assert self._mode is not None
        server = self._mode.server
        try:
            self._mode.call(server.persistence.prepare_shutdown)
        except CommandError as error:
            server.stopping = False
            _log.critical(
                "Shutdown refused, as data would be lost: {error}. Remove the cause and try again, or discard the data "
                "with SHUTDOWN NOSAVE",
                error=error.message.decode("utf-8", "replace").partition(" ")[2],
            )
        else:
            self._exit()

    def _exit(self) -> None:
        """End the process, and so the service."""
        if self._reactor.running:
            self._reactor.stop()


def printable(text: str) -> str:
    """
    Return a text as one line of a log. Control characters (line ends, terminal escape sequences) become Python's
    escapes, since the text may come from scripts and clients.
    """
    escape = (char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return text if text.isprintable() else "".join(escape)
