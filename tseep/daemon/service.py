"""The service that runs a server in one of the modes: it listens, keeps time, and stops in order."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger, LogLevel

from tseep import __version__
from tseep.daemon.check import unwritable, without_its_password
from tseep.daemon.systemd import notify
from tseep.errors import AclRuleError, CommandError
from tseep.interfaces import IMode
from tseep.net import address
from tseep.net.heartbeat import Heartbeat
from tseep.net.ports import CannotStart, port_of
from tseep.persistence.aof_loader import CannotLoad
from tseep.persistence.persistence import FolderInUse
from tseep.server.server import Server

_log = Logger("tseep.service.TseepService")  # where it once was: those who filter logs know it by that name

GRACE = 3.0
"""Seconds that a client who does not take its replies may delay the end."""


_LEVELS = [LogLevel.debug, LogLevel.debug, LogLevel.info, LogLevel.warn]
"""Twisted's levels for Redis's."""


class TseepService(Service):
    """
    One running server.

    @param endpoints: Twisted's strings for server endpoints.
    @param operator_endpoints: the same for those who must get in when there are too many clients.
    @param keeps: whether it loads what is on the disk, and keeps its own data there as far as the configuration says.
    """

    def __init__(
        self,
        reactor: Any,
        server: Server,
        mode: IMode,
        endpoints: Sequence[str],
        operator_endpoints: Sequence[str] = (),
        keeps: bool = True,
    ) -> None:
        self._reactor = reactor
        self._server = server
        self._mode = mode
        self._endpoints = endpoints
        self._operator_endpoints = operator_endpoints
        self._keeps = keeps
        self._ports: list[Any] = []
        self._heartbeat = Heartbeat(reactor, server.timer, server.lag, lambda: mode.call(server.cron.run))

    def privilegedStartService(self) -> None:
        """
        Listen.

        @raise CannotStart: if that cannot be done on one of the endpoints.
        """
        self._mode.start()
        for endpoint in self._endpoints:
            self._ports.append(port_of(self._mode.listen, endpoint, "--listen"))
        for endpoint in self._operator_endpoints:
            self._ports.append(port_of(lambda each: self._mode.listen(each, True), endpoint, "--operator-listen"))

    def startService(self) -> None:
        """Begin to keep time, and say that all is ready."""
        super().startService()
        server = self._server
        server.mode = self._mode.name
        server.log = self._note
        self._load_users()
        if self._keeps:
            self._start_persistence()
            self._tell_if_nothing_is_kept()
        server.addresses = [address.show(port.getHost()) for port in self._ports]
        self._heartbeat.start()
        self._reactor.callWhenRunning(self._announce)

    def _load_users(self) -> None:
        path = self._server.config["aclfile"]
        if path:
            try:
                self._server.users.load(Path(path))
            except AclRuleError as error:
                raise CannotStart(f"tseep: cannot load the users: {error}") from None
        for wrong in without_its_password(self._server):
            raise CannotStart(f"tseep: {wrong}")

    def _start_persistence(self) -> None:
        for wrong in unwritable(self._server.config):
            raise CannotStart(f"tseep: {wrong}")
        persistence = self._server.persistence
        persistence.beside = self._beside
        persistence.fail = self._fail
        try:
            persistence.start()
        except CannotLoad as error:
            raise CannotStart(f"tseep: cannot load {error}") from None
        except FolderInUse as error:
            raise CannotStart(f"tseep: {error}") from None

    def _tell_if_nothing_is_kept(self) -> None:
        config = self._server.config
        if config["appendonly"] == "no" and not config["save"]:
            _log.info("Persistence is off: the data are lost when the server exits; see --appendonly and --save")

    def _beside(self, work: Callable[[], None], done: Callable[[Exception | None], None]) -> None:
        """Run C{work} in a thread, then tell C{done} how it went. A thread that serves a client may ask for it, too."""

        def report(success: bool, result: Any) -> None:
            error = None if success else result.value
            self._reactor.callFromThread(self._mode.call, lambda: done(error))

        self._reactor.getThreadPool().callInThreadWithCallback(report, work)

    def _fail(self, reason: str) -> None:
        """End at once: nobody may be answered any more, and nothing could be kept."""
        _log.critical("Exiting at once: {reason}", reason=reason)
        os._exit(1)

    def _note(self, level: int, text: str) -> None:
        """Write what the server, or one of its scripts, wants to be written."""
        _log.emit(_LEVELS[level], "{text}", text=printable(text))

    def _announce(self) -> None:
        server = self._server
        _log.info(
            "tseep {version} is ready: mode {mode} on {addresses}; {python} {python_version}, {reactor}; "
            "at most {clients} clients{details}",
            version=__version__,
            mode=server.mode,
            addresses=", ".join(server.addresses),
            python=platform.python_implementation(),
            python_version=platform.python_version(),
            reactor=type(self._reactor).__name__,
            clients=server.config["maxclients"],
            details=self._mode.details and f"; {self._mode.details}",
        )
        notify("READY=1")

    def end(self) -> None:
        """Stop the reactor, and so the service, unless data would be lost by that."""
        try:
            self._mode.call(self._server.persistence.before_end)
        except CommandError as error:
            self._server.stopping = False
            _log.critical(
                "Shutdown refused, as data would be lost: {error}. Solve that and try again, or discard the data with "
                "SHUTDOWN NOSAVE",
                error=error.message.decode("utf-8", "replace").partition(" ")[2],
            )
        else:
            if self._reactor.running:
                self._reactor.stop()

    def stopService(self) -> Deferred[None]:
        """Stop accepting, answer what was received, close, all within bounded time."""
        super().stopService()
        notify("STOPPING=1")
        stopping = Deferred.fromCoroutine(self._stop())
        return stopping.addErrback(lambda failure: _log.failure("Error during shutdown", failure))

    async def _stop(self) -> None:
        self._heartbeat.stop()
        for port in self._ports:
            self._accept_all(port)
            await maybeDeferred(port.stopListening)
        self._server.stopping = True
        self._mode.call(self._server.persistence.commit)
        await self._mode.stop(GRACE)
        self._mode.call(self._server.persistence.stop)
        _log.info("tseep has stopped")

    def _accept_all(self, port: Any) -> None:
        """Accept who has connected by now, since closing the port would reset them and what they have sent."""
        accept = getattr(port, "doRead", None)
        stats = self._server.stats
        come = -1
        while accept is not None and come != stats.connections_received + stats.rejected_connections:
            come = stats.connections_received + stats.rejected_connections
            accept()


def printable(text: str) -> str:
    """
    A text as one line of a log. What would begin another line, or tell something to a terminal, is escaped as in
    Python, since scripts and clients have a say in it.
    """
    escape = (char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return text if text.isprintable() else "".join(escape)
