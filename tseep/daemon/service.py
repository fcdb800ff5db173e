"""The Twisted service that runs a server in one of the modes: start, cron, and orderly shutdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Generator, Sequence
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger

from tseep import __version__
from tseep.daemon.check import unused_password, unwritable
from tseep.daemon.endpoints import tcp_endpoints
from tseep.daemon.systemd import notify
from tseep.errors import AclRuleError, cannot_apply
from tseep.interfaces import IMode
from tseep.net import address
from tseep.net.heartbeat import Heartbeat
from tseep.net.ports import CannotStart, port_of
from tseep.persistence.aof_loader import CannotLoad
from tseep.persistence.persistence import FolderInUse
from tseep.server.server import Server

_log = Logger("tseep.service.TseepService")  # the logger's name is part of the log format: filters depend on it

_FAILURES = {
    b"port": "Unable to listen on this port. Check server logs.",
    b"bind": "Failed to bind to specified addresses.",
}
"""Redis's errors, by parameter."""

_FINISHED = object()

GRACE = 3.0
"""Seconds that clients with unsent output can delay the shutdown."""


class TseepService(Service):
    """
    One running server.

    @param endpoints: Twisted's strings for server endpoints.
    @param operator_endpoints: endpoints whose clients may use the connections reserved beyond C{maxclients}.
    @ivar mode: the server's mode.
    @param keeps: whether to load the data from disk and to persist them as the configuration says.
    @ivar loaded: fires when the data are loaded; with L{CannotStart} if that fails after L{startService} has returned.
        Does not fire if the server is shut down before.
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
        self.mode = mode
        self._endpoints = endpoints
        self._operator_endpoints = operator_endpoints
        self._keeps = keeps
        self._ports: list[Any] = []
        self._changeable: dict[str, Any] = {}  # those of bind and port
        self._pieces: Generator[None, None, None] = (None for _ in ())
        self._next_piece: Any = None  # the delayed call that loads it
        self.loaded: Deferred[None] = Deferred()
        self._heartbeat = Heartbeat(
            reactor, server.timer, server.lag, lambda: mode.call(server.cron.run), lambda: 1 / server.hz
        )

    def privilegedStartService(self) -> None:
        """
        Start the mode and listen, before twistd gives up root's privileges.

        @raise CannotStart: if an endpoint cannot be listened on.
        """
        self.mode.start()
        config = self._server.config
        self._addresses, changeable = (config["port"], config["bind"]), tcp_endpoints(config)
        for endpoint in self._endpoints:
            port = port_of(self.mode.listen, endpoint, "--listen")
            if endpoint in changeable:
                self._changeable[endpoint] = port
            else:
                self._ports.append(port)
        for endpoint in self._operator_endpoints:
            self._ports.append(port_of(lambda each: self.mode.listen(each, True), endpoint, "--operator-listen"))

    def startService(self) -> None:
        """
        Load the users, begin to load the data, and start cron. Clients are served while the data are loaded, but most
        of their commands are refused. The ready line follows when the data are loaded and the reactor runs.

        @raise CannotStart: if users or the first piece of data cannot be loaded, or data cannot be written.
        """
        super().startService()
        server = self._server
        server.mode = self.mode.name
        self._note_addresses()
        _log.info(
            "tseep {version} listens on {addresses}: mode {mode}, PID: {pid}",
            version=__version__,
            addresses=", ".join(server.addresses),
            mode=server.mode,
            pid=os.getpid(),
        )
        self._load_users()
        server.set_oom_score()
        server.host.attach_addresses(self._change_addresses)
        if self._keeps:
            for wrong in unwritable(server.config):
                raise CannotStart(f"tseep: {wrong}")
            self._pieces = server.persistence.start()
            self._warn_if_nothing_is_kept()
        self._load_piece()
        self._heartbeat.start()

    def _load_piece(self) -> None:
        """
        Load a piece of the data, and schedule the next one, if there is one and no shutdown has begun.

        @raise CannotStart: if the data cannot be loaded.
        """
        server = self._server
        try:
            finished = next(self._pieces, _FINISHED) is _FINISHED
        except (CannotLoad, FolderInUse) as error:
            if not server.stopping:
                server.host.log(3, f"tseep: {error}")
                raise CannotStart(f"tseep: {error}") from None
        else:
            if finished:
                self._reactor.callWhenRunning(self._announce)
                self.loaded.callback(None)
            elif not server.stopping:
                self._next_piece = self._reactor.callLater(0, self._load_on)

    def _load_on(self) -> None:
        """Load a piece while the reactor runs."""
        self._next_piece = None
        try:
            self.mode.call(self._load_piece)
        except CannotStart as error:
            self.loaded.errback(error)

    def _note_addresses(self) -> None:
        self._server.addresses = [address.show(port.getHost()) for port in self._all_ports]

    @property
    def _all_ports(self) -> list[Any]:
        return [*self._changeable.values(), *self._ports]

    def _change_addresses(self) -> None:
        """Listen on the addresses of C{bind} and C{port}, as L{ServerHost.change_addresses} requires."""
        config, ports = self._server.config, self._changeable
        before, addresses = self._addresses, (config["port"], config["bind"])
        if addresses == before:
            return
        changed, wanted = b"bind" if addresses[0] == before[0] else b"port", tcp_endpoints(config)
        for endpoint in set(ports) - set(wanted):
            self.mode.close_port(ports.pop(endpoint))
        self._addresses = addresses
        try:
            for endpoint in wanted:
                if endpoint not in ports:
                    ports[endpoint] = port_of(self.mode.listen, endpoint, "bind and port")
        except CannotStart as error:
            _log.warn("{error}", error=error)
            raise cannot_apply(changed, _FAILURES[changed]) from error
        finally:
            self._note_addresses()
        _log.info("Listening on {addresses}", addresses=", ".join(self._server.addresses))

    def _load_users(self) -> None:
        users = self._server.users
        if users.file is not None:
            try:
                users.load(users.file)
            except AclRuleError as error:
                raise CannotStart(f"tseep: cannot load the users: {error}") from None
        for wrong in unused_password(self._server):
            raise CannotStart(f"tseep: {wrong}")

    def _warn_if_nothing_is_kept(self) -> None:
        config = self._server.config
        if config["appendonly"] == "no" and not config["save"]:
            _log.info("Persistence is off: the data are lost when the server exits; see --appendonly and --save")

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
            details=self.mode.details and f"; {self.mode.details}",
        )
        _log.info("Ready to accept connections")  # as Redis logs it: what starts a server waits for this line
        notify("READY=1")

    def stopService(self) -> Deferred[None]:
        """Close the ports, answer received requests, close the clients. Fires within bounded time."""
        super().stopService()
        notify("STOPPING=1")
        stopping = Deferred.fromCoroutine(self._stop())
        return stopping.addErrback(lambda failure: _log.failure("Error during shutdown", failure))

    async def _stop(self) -> None:
        self._heartbeat.stop()
        if self._next_piece is not None:
            self._next_piece.cancel()
        for port in self._all_ports:
            self._accept_all(port)
            await maybeDeferred(port.stopListening)
        self._server.stopping = True
        self.mode.call(self._server.persistence.commit)
        await self.mode.stop(GRACE)
        self._pieces.close()
        self.mode.call(self._server.persistence.stop)
        _log.info("tseep is now ready to exit, bye bye...")

    def accept_waiting(self) -> None:
        """Accept the connections in the backlogs of all ports, if this process accepts."""
        for port in self._all_ports:
            self._accept_all(port)

    def _accept_all(self, port: Any) -> None:
        """Accept the connections in a backlog: closing the port would reset them and lose their requests."""
        accept = getattr(port, "doRead", None)
        stats = self._server.stats
        accepted = -1
        while accept is not None and accepted != stats.connections_received + stats.rejected_connections:
            accepted = stats.connections_received + stats.rejected_connections
            accept()
