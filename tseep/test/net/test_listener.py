"""Tests for L{tseep.net.listener}, and for what v1 makes of it."""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase

from tseep.modes.threaded import ThreadListener
from tseep.net.listener import BACKLOG, ClientFactory, Listener
from tseep.test.net.test_watcher import FakeReactor


class TCP:
    """Stands for the transport of a TCP connection."""


class UNIX:
    """Stands for the transport of a Unix socket connection."""


class ListenerTests(SynchronousTestCase):
    """Every endpoint of Twisted listens on it, with the transports that it was given."""

    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.listener = Listener(self.reactor, TCP, UNIX)

    def listen(self, endpoint: str) -> Any:
        """The port that an endpoint string opens."""
        port = self.successResultOf(serverFromString(self.listener, endpoint).listen(Factory()))
        self.addCleanup(self.close, port)
        return port

    def close(self, port: Any) -> None:
        port.stopListening()
        self.reactor.advance(0)

    def test_tcp(self) -> None:
        """A TCP port has the TCP transport, and is watched by the reactor that was given."""
        port = self.listen("tcp:0:interface=127.0.0.1")
        self.assertIs(port.transport, TCP)
        self.assertEqual(self.reactor.readers, [port])
        self.assertEqual(port.getHost().host, "127.0.0.1")

    def test_backlog(self) -> None:
        """Thousands of clients may come at once: a backlog of Twisted's 50 is raised, a longer one is kept."""
        self.assertEqual(self.listen("tcp:0:interface=127.0.0.1").backlog, BACKLOG)
        self.assertEqual(self.listen("tcp:0:interface=127.0.0.1:backlog=5000").backlog, 5000)

    def test_ipv6(self) -> None:
        """IPv6 has the same transport."""
        self.assertIs(self.listen("tcp6:0:interface=\\:\\:1").transport, TCP)

    def test_unix(self) -> None:
        """A Unix socket has its transport, and the permissions that were asked for."""
        path = self.mktemp()
        port = self.listen(f"unix:{path}:mode=600")
        self.assertIs(port.transport, UNIX)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)

    def test_adopted(self) -> None:
        """A socket that somebody else has bound is listened on too."""
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            bound.listen()
            bound.setblocking(False)
            port = self.listener.adoptStreamPort(bound.fileno(), socket.AF_INET, Factory())
            self.addCleanup(self.close, port)
            self.assertEqual(port.getHost().port, bound.getsockname()[1])
        self.assertIs(port.transport, TCP)

    def test_adopted_unix(self) -> None:
        """That goes for Unix sockets as well."""
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(self.mktemp())
            bound.listen()
            bound.setblocking(False)
            port = self.listener.adoptStreamPort(bound.fileno(), socket.AF_UNIX, Factory())
            self.addCleanup(self.close, port)
        self.assertIs(port.transport, UNIX)

    def test_keepalive(self) -> None:
        """The kernel asks silent clients as often as was said at last, at ports that come later, too, or not at all."""
        first = self.listen("tcp:0:interface=127.0.0.1")
        self.assertEqual(0, _keepalive_of(first)[0])
        self.listener.keep_alive(60)
        second = self.listen("tcp:0:interface=127.0.0.1")
        self.assertEqual([(1, 60, 20, 3)] * 2, [_keepalive_of(first), _keepalive_of(second)])
        self.listener.keep_alive(2)
        self.assertEqual((1, 2, 1, 3), _keepalive_of(first))
        self.listener.keep_alive(0)
        self.assertEqual(0, _keepalive_of(second)[0])

    def test_keepalive_for_long(self) -> None:
        """It is not asked for more seconds than it takes."""
        port = self.listen("tcp:0:interface=127.0.0.1")
        self.listener.keep_alive(100_000)
        self.assertEqual((1, 32767, 10922, 3), _keepalive_of(port))

    def test_keepalive_of_none(self) -> None:
        """A Unix socket has no such thing, and a port that is closed needs none."""
        self.listen(f"unix:{self.mktemp()}")
        self.close(self.listener.listenTCP(0, Factory(), interface="127.0.0.1"))
        self.listener.keep_alive(60)

    def test_busy(self) -> None:
        """A port that is taken is an error of Twisted's."""
        taken = self.listen("tcp:0:interface=127.0.0.1").getHost().port
        endpoint = serverFromString(self.listener, f"tcp:{taken}:interface=127.0.0.1")
        self.failureResultOf(endpoint.listen(Factory()), CannotListenError)


def _keepalive_of(port: Any) -> tuple[int, ...]:
    """Whether the kernel asks, after how many seconds, how many later again, and how often."""
    get = port.socket.getsockopt
    options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    return (get(socket.SOL_SOCKET, socket.SO_KEEPALIVE), *(get(socket.IPPROTO_TCP, option) for option in options))


class ThreadListenerTests(SynchronousTestCase):
    """v1 takes bare sockets only, and says so."""

    def setUp(self) -> None:
        self.listener = ThreadListener(FakeReactor())

    def test_wrapped(self) -> None:
        """An endpoint that puts a protocol between is refused."""
        failure = self.failureResultOf(
            serverFromString(self.listener, "tcp:0:interface=127.0.0.1").listen(Factory()), ValueError
        )
        self.assertIn("use --mode v2", str(failure.value))

    def test_tls(self) -> None:
        """So is TLS."""
        with self.assertRaisesRegex(ValueError, "use --mode v2 for TLS"):
            self.listener.listenSSL(0, ClientFactory(None), None)  # type: ignore[arg-type]
