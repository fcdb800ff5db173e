"""Tests for L{tseep.net.listener} and v1's L{ThreadListener}."""

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
    """A stand-in for the transport of TCP connections."""


class UNIX:
    """A stand-in for the transport of Unix socket connections."""


class ListenerTests(SynchronousTestCase):
    """Twisted's endpoints listen through L{Listener}, with the transports passed to it."""

    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.listener = Listener(self.reactor, TCP, UNIX)

    def listen(self, endpoint: str) -> Any:
        """Return the port that an endpoint string opens; it is closed at clean-up."""
        port = self.successResultOf(serverFromString(self.listener, endpoint).listen(Factory()))
        self.addCleanup(self.close, port)
        return port

    def close(self, port: Any) -> None:
        port.stopListening()
        self.reactor.advance(0)

    def test_tcp(self) -> None:
        """A TCP port uses the TCP transport and the listener's reactor."""
        port = self.listen("tcp:0:interface=127.0.0.1")
        self.assertIs(port.transport, TCP)
        self.assertEqual(self.reactor.readers, [port])
        self.assertEqual(port.getHost().host, "127.0.0.1")

    def test_backlog(self) -> None:
        """Twisted's default backlog of 50 is raised to C{BACKLOG}; an explicit one is kept."""
        self.assertEqual(self.listen("tcp:0:interface=127.0.0.1").backlog, BACKLOG)
        self.assertEqual(self.listen("tcp:0:interface=127.0.0.1:backlog=5000").backlog, 5000)

    def test_ipv6(self) -> None:
        """An IPv6 port uses the TCP transport."""
        self.assertIs(self.listen("tcp6:0:interface=\\:\\:1").transport, TCP)

    def test_unix(self) -> None:
        """A Unix socket uses the Unix transport and the C{mode} of its endpoint."""
        path = self.mktemp()
        port = self.listen(f"unix:{path}:mode=600")
        self.assertIs(port.transport, UNIX)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)

    def test_adopted(self) -> None:
        """A TCP socket bound by another process can be adopted."""
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            bound.listen()
            bound.setblocking(False)
            port = self.listener.adoptStreamPort(bound.fileno(), socket.AF_INET, Factory())
            self.addCleanup(self.close, port)
            self.assertEqual(port.getHost().port, bound.getsockname()[1])
        self.assertIs(port.transport, TCP)

    def test_adopted_unix(self) -> None:
        """A Unix socket bound by another process can be adopted."""
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(self.mktemp())
            bound.listen()
            bound.setblocking(False)
            port = self.listener.adoptStreamPort(bound.fileno(), socket.AF_UNIX, Factory())
            self.addCleanup(self.close, port)
        self.assertIs(port.transport, UNIX)

    def test_keepalive(self) -> None:
        """C{keep_alive} sets the interval of TCP keepalive on present and future ports; 0 disables it."""
        first = self.listen("tcp:0:interface=127.0.0.1")
        self.assertEqual(0, _keepalive_of(first)[0])
        self.listener.keep_alive(60)
        second = self.listen("tcp:0:interface=127.0.0.1")
        self.assertEqual([(1, 60, 20, 3)] * 2, [_keepalive_of(first), _keepalive_of(second)])
        self.listener.keep_alive(2)
        self.assertEqual((1, 2, 1, 3), _keepalive_of(first))
        self.listener.keep_alive(0)
        self.assertEqual(0, _keepalive_of(second)[0])

    def test_keepalive_limit(self) -> None:
        """The keepalive interval is capped at 32767 seconds, the kernel's limit."""
        port = self.listen("tcp:0:interface=127.0.0.1")
        self.listener.keep_alive(100_000)
        self.assertEqual((1, 32767, 10922, 3), _keepalive_of(port))

    def test_keepalive_ignored(self) -> None:
        """C{keep_alive} ignores Unix sockets and closed ports."""
        self.listen(f"unix:{self.mktemp()}")
        self.close(self.listener.listenTCP(0, Factory(), interface="127.0.0.1"))
        self.listener.keep_alive(60)

    def test_busy(self) -> None:
        """A port in use raises C{CannotListenError}."""
        taken = self.listen("tcp:0:interface=127.0.0.1").getHost().port
        endpoint = serverFromString(self.listener, f"tcp:{taken}:interface=127.0.0.1")
        self.failureResultOf(endpoint.listen(Factory()), CannotListenError)


def _keepalive_of(port: Any) -> tuple[int, ...]:
    """Return C{SO_KEEPALIVE}, C{TCP_KEEPIDLE}, C{TCP_KEEPINTVL} and C{TCP_KEEPCNT} of a port."""
    get = port.socket.getsockopt
    options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    return (get(socket.SOL_SOCKET, socket.SO_KEEPALIVE), *(get(socket.IPPROTO_TCP, option) for option in options))


class ThreadListenerTests(SynchronousTestCase):
    """v1 accepts plain TCP and Unix endpoints only."""

    def setUp(self) -> None:
        self.listener = ThreadListener(FakeReactor())

    def test_wrapped(self) -> None:
        """An endpoint that wraps the protocol is refused; the error recommends v2."""
        failure = self.failureResultOf(
            serverFromString(self.listener, "tcp:0:interface=127.0.0.1").listen(Factory()), ValueError
        )
        self.assertIn("use --mode v2", str(failure.value))

    def test_tls(self) -> None:
        """A TLS endpoint is refused; the error recommends v2."""
        with self.assertRaisesRegex(ValueError, "use --mode v2 for TLS"):
            self.listener.listenSSL(0, ClientFactory(None), None)  # type: ignore[arg-type]
