"""Tests for L{tseep.modes.threaded}."""

from __future__ import annotations

import socket
import struct
import threading
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tseep.configuration.parameters import Config
from tseep.interfaces import IConnection, IMode
from tseep.modes import threaded
from tseep.modes.threaded import Accepted, ThreadedConnection, ThreadedMode
from tseep.server.server import TOO_MANY_CLIENTS, Server
from tseep.session.session import Session
from tseep.test.support import ThreadClock


class NoThreads:
    """
    A stub of the mode's threads that starts none: the test calls the functions.

    @ivar given: the functions that were passed to the pool.
    @ivar begun: the number of connections that have reported that they wait for their client.
    """

    def __init__(self) -> None:
        self.given: list[Any] = []
        self.begun = 0

    def serve(self, client: ThreadedConnection) -> None:
        self.given.append(lambda: client.serve(self._begin))

    def _begin(self) -> None:
        self.begun += 1

    def run(self, function: Any, *arguments: Any) -> bool:
        self.given.append(lambda: function(*arguments))
        return True


class ConnectionTests(SynchronousTestCase):
    """Set-up and helpers for the tests of connections."""

    def setUp(self) -> None:
        self.server = Server(Config(maxclients="2"), clock=Clock().seconds)
        self.mode = ThreadedMode(Clock(), self.server)
        self.threads: Any = NoThreads()
        self.patch(self.mode, "threads", self.threads)

    def connect(self) -> Any:
        """Return the connection of a new client; its attribute C{far} is the client's end."""
        near, far = socket.socketpair()
        self.addCleanup(near.close)
        self.addCleanup(far.close)
        connection = ThreadedConnection(self.mode, IPv4Address("TCP", "127.0.0.1", 50000))
        connection.makeConnection(Accepted(near, connection, None, None, 0, None))
        connection.far = far
        return connection

    def converse(self, sent: bytes, connection: Any = None) -> bytes:
        """Return all that a client receives that sends C{sent} and then closes its sending half."""
        connection = connection or self.connect()
        connection.far.sendall(sent)
        connection.far.shutdown(socket.SHUT_WR)
        self.threads.given.pop()()
        return self.received(connection)

    def received(self, connection: Any) -> bytes:
        taken = b""
        while True:
            data = connection.far.recv(2**16)
            if not data:
                return taken
            taken += data


class ThreadedConnectionTests(ConnectionTests):
    """A client's thread reads, runs commands and writes replies until the client disconnects."""

    def test_interface(self) -> None:
        verifyObject(IConnection, self.connect())

    def test_answers(self) -> None:
        """Commands are answered; at EOF the connection is closed and its session removed."""
        self.assertEqual(self.converse(b"PING\r\nECHO hi\r\n"), b"+PONG\r\n$2\r\nhi\r\n")
        self.assertEqual(self.server.sessions, {})

    def test_protocol_error(self) -> None:
        """A protocol error is sent after the replies to the commands before it, then the connection closes."""
        connection = self.connect()
        connection.far.sendall(b"PING\r\n*x\r\n")
        self.threads.given.pop()()
        self.assertEqual(self.received(connection), b"+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n")

    def test_large_replies(self) -> None:
        """Replies larger than the socket's send buffer are sent completely."""
        value = b"v" * 60_000
        connection = self.connect()
        connection.far.sendall(b"SET k " + value + b"\r\n" + b"GET k\r\n" * 100)
        connection.far.shutdown(socket.SHUT_WR)
        taken: list[bytes] = []
        reader = threading.Thread(target=lambda: taken.append(self.received(connection)))
        reader.start()
        self.threads.given.pop()()
        reader.join()
        self.assertEqual(taken, [b"+OK\r\n" + (b"$60000\r\n" + value + b"\r\n") * 100])

    def test_lock(self) -> None:
        """The lock is held while a command runs and released during socket I/O."""
        held: list[bool] = []
        receive = Session.receive

        def noting(session: Session, data: bytes) -> bytes:
            held.append(self.mode.lock.locked())
            return receive(session, data)

        self.patch(Session, "receive", noting)
        self.converse(b"PING\r\n")
        self.assertEqual(held, [True])
        self.assertFalse(self.mode.lock.locked())

    def test_maxclients(self) -> None:
        """A client above C{maxclients} gets Redis's error and is closed."""
        self.connect()
        self.connect()
        third = self.connect()
        self.assertEqual(self.received(third), TOO_MANY_CLIENTS)
        self.assertEqual(len(self.threads.given), 2)

    def test_disconnect_before_replies(self) -> None:
        """The session of a client that disconnects before its replies are sent is removed."""
        connection = self.connect()
        connection.far.sendall(b"PING\r\n")
        connection._socket.shutdown(socket.SHUT_WR)
        self.threads.given.pop()()
        self.assertEqual(self.server.sessions, {})

    def test_begun(self) -> None:
        """
        A thread reports that it has begun once the received commands are answered, before it waits for its client:
        clients that send nothing or read nothing do not delay the start of other threads.
        """
        silent, greedy = self.connect(), self.connect()
        greedy.far.sendall(b"PING\r\n")
        waits: list[int] = []
        self.patch(ThreadedConnection, "_write", lambda connection, session: waits.append(self.threads.begun))
        self.patch(ThreadedConnection, "_converse", lambda connection, session: waits.append(self.threads.begun))
        for serve in self.threads.given:
            serve()
        self.assertEqual([1, 1, 2, 2], waits)
        self.assertEqual([0, 1], [len(silent._outbox), len(greedy._outbox)])

    def test_refused(self) -> None:
        """A client for which no thread can start gets Redis's error and counts as a rejected connection."""
        connection = self.connect()
        connection.refuse()
        self.assertEqual(self.received(connection), TOO_MANY_CLIENTS)
        self.assertEqual(({}, 1), (self.server.sessions, self.server.stats.rejected_connections))

    def test_large_reads(self) -> None:
        """A read that fills its buffer is followed by one with a larger buffer; an idle connection has a small one."""
        connection = self.connect()
        sizes: list[int] = []
        near = connection._socket

        class Noting:
            def recv(self, size: int, flags: int = 0) -> bytes:
                sizes.append(size)
                data: bytes = near.recv(size, flags)
                return data

            def __getattr__(self, name: str) -> Any:
                return getattr(near, name)

        connection._socket = Noting()
        self.converse(b"ECHO " + b"x" * 40_000 + b"\r\n", connection)
        self.assertEqual([2048, 2048, 16384, 2048, 16384, 2048, 2048], sizes)

    def test_close(self) -> None:
        """C{close} ends the blocked read; a second call has no effect."""
        connection = self.connect()
        connection.close()
        self.threads.given.pop()()
        self.assertEqual(self.received(connection), b"")
        connection.close()
        self.assertEqual(connection.fileno, -1)

    def test_drain(self) -> None:
        """C{drain} answers the commands received so far, then closes the connection."""
        connection = self.connect()
        connection.far.sendall(b"PING\r\n")
        connection.drain()
        self.threads.given.pop()()
        self.assertEqual(self.received(connection), b"+PONG\r\n")


class Held:
    """
    A lock that another thread holds.

    @ivar wanted: set when a thread waits for the lock.
    @ivar free: when set, the waiting thread acquires the lock.
    """

    def __init__(self) -> None:
        self.wanted, self.free = threading.Event(), threading.Event()

    def acquire(self, blocking: bool) -> bool:
        return False

    def __enter__(self) -> None:
        self.wanted.set()
        self.free.wait(30)

    def __exit__(self, *_: object) -> None:
        pass


class HelperThreadTests(ConnectionTests):
    """A helper thread sends output to a client whose own thread holds the write lock."""

    def test_one_helper(self) -> None:
        """A connection has at most one helper thread, which also sends the output added while it waits."""
        connection = self.connect()
        del self.threads.given[:]
        connection._writing = held = Held()
        connection.send(b"1")
        (helper,) = self.threads.given
        thread = threading.Thread(target=helper)
        thread.start()
        self.assertTrue(held.wanted.wait(30))
        self.assertEqual([2, 3], [connection.send(b"2"), connection.send(b"3")])
        self.assertEqual([helper], self.threads.given)
        held.free.set()
        thread.join()
        self.assertEqual(b"123", connection.far.recv(10))

    def test_no_helper(self) -> None:
        """If no helper thread can start, the connection retries at each C{call} of the mode."""
        connection = self.connect()
        del self.threads.given[:]
        connection._writing = Held()
        self.patch(self.threads, "run", lambda *_: False)
        connection.send(b"1")
        self.patch(self.threads, "run", NoThreads.run.__get__(self.threads))
        self.mode.call(lambda: None)
        self.assertEqual((1, 1), (len(self.threads.given), connection.unsent))
        self.mode.call(lambda: None)
        self.assertEqual(1, len(self.threads.given))

    def test_close_with_unsent_output(self) -> None:
        """C{close} resets (C{SO_LINGER} 0) a connection with unsent output, so the kernel does not keep it."""
        connection = self.connect()
        connection._writing = Held()
        connection.send(b"1")
        connection.close()
        linger = connection._socket.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
        self.assertEqual((1, 0), struct.unpack("ii", linger))


class ThreadedModeTests(SynchronousTestCase):
    """L{ThreadedMode} serves each client in a thread and ends the threads on shutdown."""

    def test_interface(self) -> None:
        mode = ThreadedMode(Clock(), Server())
        mode.start()
        self.addCleanup(mode.threads.stop)
        verifyObject(IMode, mode)

    def test_reactor_skips_turn(self) -> None:
        """C{call} in the reactor's thread acquires C{lock} alone, not C{turn}, for which client threads queue."""
        mode = ThreadedMode(Clock(), Server())
        called = threading.Event()
        reactor = threading.Thread(target=mode.call, args=(called.set,))
        with mode.turn:
            reactor.start()
            self.assertTrue(called.wait(30))
        reactor.join()

    def test_long_script_yields(self) -> None:
        """A long script releases C{turn} and C{lock} for other clients, then acquires both again."""
        mode = ThreadedMode(Clock(), Server())
        free: list[bool] = []
        self.patch(threaded.time, "sleep", lambda seconds: free.append(mode.turn.locked() or mode.lock.locked()))
        with mode.turn, mode.lock:
            mode.serve_clients()
            self.assertTrue(mode.turn.locked() and mode.lock.locked())
        self.assertEqual([False], free)

    def test_call_holds_the_lock(self) -> None:
        """C{call} runs its function under the lock."""
        server = Server()
        mode = ThreadedMode(Clock(), server)
        held: list[bool] = []
        mode.call(lambda: held.append(mode.lock.locked()))
        self.assertEqual(held, [True])

    def test_stop(self) -> None:
        """C{stop} answers the commands received, closes each client, and fires when all threads have ended."""
        clock = ThreadClock()
        server = Server()
        mode = ThreadedMode(clock, server)
        mode.start()
        near, far = socket.socketpair()
        self.addCleanup(far.close)
        connection: Any = ThreadedConnection(mode, IPv4Address("TCP", "127.0.0.1", 1))
        ended = threading.Event()
        serve = connection.serve
        connection.serve = lambda begun: (serve(begun), ended.set())
        connection.makeConnection(Accepted(near, connection, None, None, 0, None))
        far.sendall(b"PING\r\n")
        stopped = ensureDeferred(mode.stop(1.0))
        self.assertTrue(ended.wait(30))
        clock.pump([0.02] * 100)
        self.successResultOf(stopped)
        self.assertEqual(far.recv(100), b"+PONG\r\n")
        self.assertEqual((server.sessions, len(mode.threads)), ({}, 0))
