"""The interfaces of a client's connection, of a worker, and of a mode: what a session and a server ask of them."""

from __future__ import annotations

from typing import Any, Callable

from zope.interface import Attribute, Interface, implementer


class IConnection(Interface):
    """A session's client, as its mode holds it. A session may be asked from anywhere to let it go."""

    peer = Attribute("The client's address, as C{127.0.0.1:50000} or C{/path:0}: what CLIENT LIST calls addr.")
    host = Attribute("The address that it connected to, in the same form: what CLIENT LIST calls laddr.")
    fileno = Attribute("The file descriptor's number, -1 if it has none.")
    unsent = Attribute("Bytes that the client has not taken yet.")
    worker = Attribute("The number of the worker that has the socket; None where there are no workers.")

    def send(data: bytes) -> int:
        """
        Send what no request asked for, after all that was answered before. Never waits.

        @return: how many bytes of such the client has not taken yet.
        """

    def resume() -> None:
        """The session may go on: L{Session.resume <tseep.session.session.Session.resume>} it, if it waits for that."""

    def close() -> None:
        """Send what was answered so far, then close. May be called again, and from the session's own call."""


class IWorker(Interface):
    """A process in front of the server: what an operator sees of it."""

    number = Attribute("Its number, from 0.")
    pid = Attribute("Its process ID.")
    restarts = Attribute("How often another process had to take this place.")
    clients = Attribute("How many clients it has.")
    cpu_seconds = Attribute("CPU time that the process has used.")
    resident = Attribute("Bytes of memory that are resident.")
    lag_ns = Attribute("Nanoseconds that its event loop was late at worst in the last second.")
    received = Attribute("Bytes that came over the link from it, C{sent}: that went to it.")
    batches = Attribute("As L{Server.batches <tseep.server.server.Server>}.")


class IMode(Interface):
    """A way of handling connections."""

    name = Attribute("What C{--mode} calls it.")
    server = Attribute("The L{Server <tseep.server.server.Server>}.")
    details = Attribute("Text for the ready line of the log, after the number of clients; may be empty.")

    def start() -> None:
        """Make ready."""

    def listen(endpoint: str, reserved: bool = False) -> Any:
        """
        Listen for clients. To be called once it has been started.

        @param endpoint: Twisted's string for a server endpoint.
        @param reserved: whether there is room for them even if there are too many others.
        @return: a Deferred of the port.
        """

    def call(function: Callable[[], None]) -> None:
        """
        Call what changes something in the server, or sends, under whatever lock there is. What it recorded is written
        before what it sent leaves.
        """

    def stop(grace: float) -> Any:
        """Answer what has come, then close every connection, within bounded time. Awaitable."""


@implementer(IConnection)
class NullConnection:
    """The connection of a session without a client, as that of scripts. It discards what it is sent."""

    peer = "lua"
    host = ""
    fileno = -1
    unsent = 0
    worker = None

    def send(self, data: bytes) -> int:
        """Discard C{data}."""
        return 0

    def resume(self) -> None:
        """There is never anything left."""

    def close(self) -> None:
        """There is nothing to close."""
