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
    Stands for the mode's threads and gives none: the test runs what they would.

    @ivar given: what is to be run, C{begun}: how often a thread said that it waits for its client.
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
    """What the tests of connections share."""

    def setUp(self) -> None:
        self.server = Server(Config(maxclients="2"), clock=Clock().seconds)
        self.mode = ThreadedMode(Clock(), self.server)
        self.threads: Any = NoThreads()
        self.patch(self.mode, "threads", self.threads)

    def connect(self) -> Any:
        """A new client's connection, with C{far} for the client's end."""
        near, far = socket.socketpair()
        self.addCleanup(near.close)
        self.addCleanup(far.close)
        connection = ThreadedConnection(self.mode, IPv4Address("TCP", "127.0.0.1", 50000))
        connection.makeConnection(Accepted(near, connection, None, None, 0, None))
        connection.far = far
        return connection

    def converse(self, sent: bytes, connection: Any = None) -> bytes:
        """What a client gets that sends these bytes and no more."""
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
    """A thread reads, answers and writes until its client goes."""

    def test_interface(self) -> None:
        """A connection is what a session asks for."""
        verifyObject(IConnection, self.connect())

    def test_answers(self) -> None:
        """What the client sends is answered, and when it goes the connection is closed and forgotten."""
        self.assertEqual(self.converse(b"PING\r\nECHO hi\r\n"), b"+PONG\r\n$2\r\nhi\r\n")
        self.assertEqual(self.server.sessions, {})

    def test_closes_after_replies(self) -> None:
        """A client whose bytes make no sense gets its replies, then the error, then the end."""
        connection = self.connect()
        connection.far.sendall(b"PING\r\n*x\r\n")
        self.threads.given.pop()()
        self.assertEqual(self.received(connection), b"+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n")

    def test_waiting(self) -> None:
        """Replies too many for one write follow in further ones."""
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
        """The lock is held while the server is touched, and not while the socket is."""
        held: list[bool] = []
        receive = Session.receive

        def noting(session: Session, data: bytes) -> bytes:
            held.append(self.mode.lock.locked())
            return receive(session, data)

        self.patch(Session, "receive", noting)
        self.converse(b"PING\r\n")
        self.assertEqual(held, [True])
        self.assertFalse(self.mode.lock.locked())

    def test_too_many(self) -> None:
        """One client too many gets Redis's error and is closed."""
        self.connect()
        self.connect()
        third = self.connect()
        self.assertEqual(self.received(third), TOO_MANY_CLIENTS)
        self.assertEqual(len(self.threads.given), 2)

    def test_client_gone(self) -> None:
        """A client that is gone before its replies are sent is forgotten like any other."""
        connection = self.connect()
        connection.far.sendall(b"PING\r\n")
        connection._socket.shutdown(socket.SHUT_WR)
        self.threads.given.pop()()
        self.assertEqual(self.server.sessions, {})

    def test_begun(self) -> None:
        """
        A thread has begun when what its client has sent is answered, before it waits for the client: neither one who
        says nothing nor one who takes nothing keeps others from their threads.
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
        """A client for whom there is no thread gets Redis's error, and is closed and forgotten."""
        connection = self.connect()
        connection.refuse()
        self.assertEqual(self.received(connection), TOO_MANY_CLIENTS)
        self.assertEqual(({}, 1), (self.server.sessions, self.server.stats.rejected_connections))

    def test_large_reads(self) -> None:
        """After a full read a larger one follows at once; a thread that waits for its client holds a small buffer."""
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
        """Being closed ends the blocked read; closing again does nothing."""
        connection = self.connect()
        connection.close()
        self.threads.given.pop()()
        self.assertEqual(self.received(connection), b"")
        connection.close()
        self.assertEqual(connection.fileno, -1)

    def test_finish(self) -> None:
        """Being finished answers what has come, then ends."""
        connection = self.connect()
        connection.far.sendall(b"PING\r\n")
        connection.drain()
        self.threads.given.pop()()
        self.assertEqual(self.received(connection), b"+PONG\r\n")


class Held:
    """
    A lock that somebody else has.

    @ivar wanted: whether a thread waits for it, C{free}: lets it go on.
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


class HelpTests(ConnectionTests):
    """Sending without being asked, to a client that takes nothing for now."""

    def test_one_helper(self) -> None:
        """One thread waits to send the rest, however much it becomes."""
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
        """Where the system has no more threads a connection that needs one tries again, until there is one."""
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

    def test_cut_off(self) -> None:
        """Who is closed and has not taken everything is cut off: the system does not wait for that."""
        connection = self.connect()
        connection._writing = Held()
        connection.send(b"1")
        connection.close()
        linger = connection._socket.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
        self.assertEqual((1, 0), struct.unpack("ii", linger))


class ThreadedModeTests(SynchronousTestCase):
    """The mode gives every client a thread, and ends them."""

    def test_interface(self) -> None:
        """It is a mode."""
        mode = ThreadedMode(Clock(), Server())
        mode.start()
        self.addCleanup(mode.threads.stop)
        verifyObject(IMode, mode)

    def test_reactor_has_no_turn(self) -> None:
        """The reactor's thread waits for the client that has the lock, and not for those who wait for their turn."""
        mode = ThreadedMode(Clock(), Server())
        called = threading.Event()
        reactor = threading.Thread(target=mode.call, args=(called.set,))
        with mode.turn:
            reactor.start()
            self.assertTrue(called.wait(30))
        reactor.join()

    def test_others_have_their_turn(self) -> None:
        """A long script lets others have the turn and the lock, and has both again after it."""
        mode = ThreadedMode(Clock(), Server())
        free: list[bool] = []
        self.patch(threaded.time, "sleep", lambda seconds: free.append(mode.turn.locked() or mode.lock.locked()))
        with mode.turn, mode.lock:
            mode._serve_others()
            self.assertTrue(mode.turn.locked() and mode.lock.locked())
        self.assertEqual([False], free)

    def test_call_holds_the_lock(self) -> None:
        """The server's regular work is done under the lock."""
        server = Server()
        mode = ThreadedMode(Clock(), server)
        held: list[bool] = []
        mode.call(lambda: held.append(mode.lock.locked()))
        self.assertEqual(held, [True])

    def test_stop(self) -> None:
        """Stopping lets every thread finish, then cuts its client off, and waits no longer than it must."""
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
