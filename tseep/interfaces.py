"""
The interfaces between a server and its surroundings: connections, workers, modes, and the process (L{ServerHost}).
"""

from __future__ import annotations

import faulthandler
import os
import sys
from abc import ABC, abstractmethod
from typing import Any, Callable

from zope.interface import Attribute, Interface, implementer


class IConnection(Interface):
    """The client of a session, as its mode holds it."""

    peer = Attribute("The client's address, as C{127.0.0.1:50000} or C{/path:0}: C{addr} in CLIENT LIST.")
    host = Attribute("The address that the client connected to, in the same form: C{laddr} in CLIENT LIST.")
    fileno = Attribute("The number of the file descriptor; -1 if there is none.")
    unsent = Attribute("Bytes of output that the socket has not accepted yet.")
    worker = Attribute("The number of the worker that owns the socket; None in modes without workers.")

    def send(data: bytes) -> int:
        """
        Send data that is not the reply to a request (a push), after all replies before it. Never blocks.

        @return: bytes of such data that the socket has not accepted yet.
        """

    def resume() -> None:
        """
        Call L{Session.resume <tseep.session.session.Session.resume>} if the session has pending commands. Safe to call
        at any time.
        """

    def read_on() -> None:
        """
        In the middle of a command of this client, give what it has sent to its session. Does nothing in modes in which
        L{IMode.serve_clients} does that.
        """

    def close() -> None:
        """Send the replies so far, then close. Idempotent; the session itself may call it while it runs a command."""


class IWorker(Interface):
    """A v3 worker process, as INFO and the metrics report it."""

    number = Attribute("Its number, from 0.")
    pid = Attribute("Its process ID.")
    restarts = Attribute("How often the process with this number was replaced.")
    clients = Attribute("The number of its clients.")
    cpu_seconds = Attribute("CPU time that the process has used.")
    resident = Attribute("Resident memory in bytes.")
    lag_ns = Attribute("The highest lag of its event loop in the last second, in nanoseconds.")
    received = Attribute("Bytes that the owner has received from it.")
    sent = Attribute("Bytes that the owner has sent to it.")
    ready_batch_histogram = Attribute("As L{Server.ready_batch_histogram <tseep.server.server.Server>}.")


class IMode(Interface):
    """One way of handling connections: it owns sockets, scheduling and locks."""

    name = Attribute("Its name for C{--mode}.")
    server = Attribute("The L{Server <tseep.server.server.Server>}.")
    details = Attribute("Text for the ready line of the log, after the number of clients, or an empty text.")

    def start() -> None:
        """Acquire resources and L{attach <ServerHost.attach>} to the server's host. Called before L{listen}."""

    def listen(endpoint: str, reserved: bool = False) -> Any:
        """
        Listen for clients. Can be called while clients are served, in any thread that holds the mode's lock.

        @param endpoint: Twisted's string for a server endpoint.
        @param reserved: whether these clients may use the connections reserved beyond C{maxclients}.
        @return: a Deferred of the port.
        """

    def close_port(port: Any) -> None:
        """
        Stop to listen on a port that L{listen} has returned, at once: its address is free then. Called in the middle of
        a command, in the thread that runs it.
        """

    def call(function: Callable[[], None]) -> None:
        """
        Call a function that changes the server or sends, under the mode's lock if it has one. What the function
        recorded is committed before what it sent leaves.
        """

    def serve_clients(seconds: float = 0) -> None:
        """
        Serve ready clients once, in the middle of a command. Called while a script is busy.

        @param seconds: how long to wait, if none is ready.
        """

    def set_keepalive(seconds: int) -> None:
        """Set TCP keepalive for new connections: idle seconds before the first probe, 0 for none."""

    def wake(when: int) -> None:
        """
        Schedule L{Server.fire <tseep.server.server.Server.fire>}, in place of the time set before. Called in any thread
        that holds the mode's lock.

        @param when: milliseconds of the server's timer.
        """

    def stop(grace: float) -> Any:
        """
        Answer what was received, then close every connection.

        @param grace: seconds after which clients with unsent output are disconnected.
        @return: an awaitable, done within bounded time.
        """


class ServerHost(ABC):
    """
    The services that a server needs from its process and from its mode.

    A mode is created for an existing server, so it attaches itself when it starts. Until then there are no clients to
    serve and no event loop to wake, and the three methods that need the mode do nothing.

    @ivar crash_log: the descriptor of the file for L{set_crash_log}; None in a process that is not the server's own.
    """

    least_level = 0
    crash_log: int | None = None
    _mode: IMode | None = None
    _change_addresses: Callable[[], None] | None = None
    _change_title: Callable[[], None] | None = None

    @abstractmethod
    def log(self, level: int, text: str) -> None:
        """
        Write a line to the server's log.

        @param level: Redis's level: 0 debug, 1 verbose, 2 notice, 3 warning.
        """

    def set_log_level(self, least: int) -> None:
        """Omit lines of L{log} below a level."""
        self.least_level = least

    @abstractmethod
    def run_in_thread(self, work: Callable[[], None], done: Callable[[Exception | None], None]) -> None:
        """
        Run C{work} without blocking clients, then call C{done} through L{IMode.call} with its exception, or None. May
        be called from a client's thread.
        """

    @abstractmethod
    def fail(self, reason: str) -> None:
        """Exit at once with status 1: the server cannot keep a promise of durability, so it must not reply again."""

    @abstractmethod
    def shut_down(self) -> None:
        """Begin an orderly shutdown. Returns before it is done."""

    def set_oom_score(self, mode: str, value: int) -> bool:
        """
        Set the score by which the kernel chooses what to kill; also called in a forked child.

        @return: False if that fails; the reason is in the log.
        """
        return True

    def set_crash_log(self, enabled: bool) -> None:
        """Write the Python stacks of all threads to L{crash_log} when a signal such as SIGSEGV ends the process."""
        if self.crash_log is None:
            return
        if enabled:
            faulthandler.enable(self.crash_log)
        else:
            faulthandler.disable()

    def attach(self, mode: IMode) -> None:
        """Forward L{serve_clients}, L{set_keepalive} and L{wake} to a mode that has started."""
        self._mode = mode

    def detach(self) -> None:
        """Forward nothing any more: the mode belongs to another process."""
        self._mode = None

    def attach_addresses(self, change: Callable[[], None]) -> None:
        """Forward L{change_addresses} to the service that listens."""
        self._change_addresses = change

    def change_addresses(self) -> None:
        """
        Listen on the addresses of the parameters C{bind} and C{port}, and on no others of the sort.

        @raise CommandError: if that fails; another call restores the previous addresses.
        """
        if self._change_addresses is not None:
            self._change_addresses()

    def attach_title(self, change: Callable[[], None]) -> None:
        """Forward L{change_title} to the service of the process."""
        self._change_title = change

    def change_title(self) -> None:
        """Apply C{proc-title-template}."""
        if self._change_title is not None:
            self._change_title()

    def serve_clients(self, seconds: float = 0) -> None:
        if self._mode is not None:
            self._mode.serve_clients(seconds)

    def set_keepalive(self, seconds: int) -> None:
        if self._mode is not None:
            self._mode.set_keepalive(seconds)

    def wake(self, when: int) -> None:
        if self._mode is not None:
            self._mode.wake(when)


class NullHost(ServerHost):
    """The host of a server without an event loop, in unit tests and tools: no log, no threads, no shutdown."""

    def log(self, level: int, text: str) -> None:
        pass

    def run_in_thread(self, work: Callable[[], None], done: Callable[[Exception | None], None]) -> None:
        try:
            work()
        except Exception as error:
            done(error)
        else:
            done(None)

    def fail(self, reason: str) -> None:
        sys.stderr.write(f"tseep: {reason}\n")
        os._exit(1)

    def shut_down(self) -> None:
        pass


@implementer(IConnection)
class NullConnection:
    """The connection of a session without a client, as that of scripts: it discards all output."""

    peer = "lua"
    host = ""
    fileno = -1
    unsent = 0
    worker = None

    def send(self, data: bytes) -> int:
        return 0

    def resume(self) -> None:
        pass

    def read_on(self) -> None:
        pass

    def close(self) -> None:
        pass
