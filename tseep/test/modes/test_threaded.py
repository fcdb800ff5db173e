"""Tests for L{tseep.modes.threaded}."""

from __future__ import annotations

import socket
import struct
import sys
import threading
from typing import Any, List

from twisted.internet.address import IPv4Address
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tseep.configuration.parameters import Config
from tseep.interfaces import IConnection, IMode
from tseep.modes.threaded import SWITCH_INTERVAL, Accepted, ThreadedConnection, ThreadedFactory, ThreadedMode
from tseep.server.server import TOO_MANY_CLIENTS, Server
from tseep.session.session import Session


class Mode(ThreadedMode):
    """A mode that gives no threads: the test runs what they would."""

    def start(self) -> None:
        self.given: List[Any] = []

    def run(self, serve: Any, session: Session) -> None:
        self.given.append(lambda: serve(session))


class ConnectionTests(SynchronousTestCase):
    """What the tests of connections share."""

    def setUp(self) -> None:
        self.server = Server(Config(maxclients="2"), clock=Clock().seconds)
        self.mode = Mode(Clock(), self.server)
        self.mode.start()

    def connect(self) -> Any:
        """A new client's connection, with C{far} for the client's end."""
        near, far = socket.socketpair()
        self.addCleanup(near.close)
        self.addCleanup(far.close)
        connection = ThreadedFactory(self.mode).buildProtocol(IPv4Address("TCP", "127.0.0.1", 50000))
        connection.makeConnection(Accepted(near, connection, None, None, 0, None))
        connection.far = far
        return connection

    def converse(self, sent: bytes, connection: Any = None) -> bytes:
        """What a client gets that sends these bytes and no more."""
        connection = connection or self.connect()
        connection.far.sendall(sent)
        connection.far.shutdown(socket.SHUT_WR)
        self.mode.given.pop()()
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
        self.mode.given.pop()()
        self.assertEqual(self.received(connection), b"+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n")

    def test_waiting(self) -> None:
        """Replies too many for one write follow in further ones."""
        value = b"v" * 60_000
        connection = self.connect()
        connection.far.sendall(b"SET k " + value + b"\r\n" + b"GET k\r\n" * 100)
        connection.far.shutdown(socket.SHUT_WR)
        taken: List[bytes] = []
        reader = threading.Thread(target=lambda: taken.append(self.received(connection)))
        reader.start()
        self.mode.given.pop()()
        reader.join()
        self.assertEqual(taken, [b"+OK\r\n" + (b"$60000\r\n" + value + b"\r\n") * 100])

    def test_lock(self) -> None:
        """The lock is held while the server is touched, and not while the socket is."""
        held: List[bool] = []
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
        self.assertEqual(len(self.mode.given), 2)

    def test_client_gone(self) -> None:
        """A client that is gone before its replies are sent is forgotten like any other."""
        connection = self.connect()
        connection.far.sendall(b"PING\r\n")
        connection._socket.shutdown(socket.SHUT_WR)
        self.mode.given.pop()()
        self.assertEqual(self.server.sessions, {})

    def test_close(self) -> None:
        """Being closed ends the blocked read; closing again does nothing."""
        connection = self.connect()
        connection.close()
        self.mode.given.pop()()
        self.assertEqual(self.received(connection), b"")
        connection.close()
        self.assertEqual(connection.fileno, -1)

    def test_finish(self) -> None:
        """Being finished answers what has come, then ends."""
        connection = self.connect()
        connection.far.sendall(b"PING\r\n")
        connection.finish()
        self.mode.given.pop()()
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
        del self.mode.given[:]
        connection._writing = held = Held()
        connection.send(b"1")
        (helper,) = self.mode.given
        thread = threading.Thread(target=helper)
        thread.start()
        self.assertTrue(held.wanted.wait(30))
        self.assertEqual([2, 3], [connection.send(b"2"), connection.send(b"3")])
        self.assertEqual([helper], self.mode.given)
        held.free.set()
        thread.join()
        self.assertEqual(b"123", connection.far.recv(10))

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

    def setUp(self) -> None:
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())

    def test_interface(self) -> None:
        """It is a mode."""
        mode = ThreadedMode(Clock(), Server())
        mode.start()
        self.addCleanup(mode._pool.stop)
        verifyObject(IMode, mode)

    def test_switch_interval(self) -> None:
        """Threads that wait for the interpreter seldom wake to ask for it, until the mode has stopped."""
        clock = Clock()
        before = sys.getswitchinterval()
        mode = ThreadedMode(clock, Server())
        mode.start()
        self.assertEqual(sys.getswitchinterval(), SWITCH_INTERVAL)
        stopped = ensureDeferred(mode.stop(1.0))
        clock.pump([0.02] * 100)
        self.successResultOf(stopped)
        self.assertEqual(sys.getswitchinterval(), before)

    def test_call_holds_the_lock(self) -> None:
        """The server's regular work is done under the lock."""
        server = Server()
        mode = ThreadedMode(Clock(), server)
        held: List[bool] = []
        mode.call(lambda: held.append(mode.lock.locked()))
        self.assertEqual(held, [True])

    def test_stop(self) -> None:
        """Stopping lets every thread finish, then cuts its client off, and waits no longer than it must."""
        clock = Clock()
        server = Server()
        mode = ThreadedMode(clock, server)
        mode.start()
        near, far = socket.socketpair()
        self.addCleanup(far.close)
        connection = ThreadedConnection(mode, IPv4Address("TCP", "127.0.0.1", 1))
        ended = threading.Event()
        mode.run = lambda serve, session: mode._pool.callInThread(lambda: (serve(session), ended.set()))
        connection.makeConnection(Accepted(near, connection, None, None, 0, None))
        far.sendall(b"PING\r\n")
        stopped = ensureDeferred(mode.stop(1.0))
        self.assertTrue(ended.wait(30))
        clock.pump([0.02] * 100)
        self.successResultOf(stopped)
        self.assertEqual(far.recv(100), b"+PONG\r\n")
        self.assertEqual((server.sessions, mode._pool.workers), ({}, 0))
