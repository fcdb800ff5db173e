"""Tests for L{tseep.modes.workers.sharing}."""

from __future__ import annotations

import os
import socket
import stat
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase

from tseep.modes.workers.sharing import HandedListener, SharingListener
from tseep.test.net.test_watcher import FakeReactor

TCP = "tcp:0:interface=127.0.0.1"


class SharingTests(SynchronousTestCase):
    """The owner binds, and the workers listen on what it has bound."""

    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.listener = SharingListener(self.reactor, 3, keepalive=60)

    def share(self, endpoint: str) -> Any:
        """The port of an endpoint, which is closed in the end."""
        port = self.successResultOf(self.listener.listen(endpoint, Factory()))

        def close() -> None:
            closing = port.stopListening()
            self.reactor.advance(0)
            self.successResultOf(closing)

        self.addCleanup(close)
        return port

    def hand(self, port: Any, worker: int, endpoint: str) -> Any:
        """The port at which a worker listens, on a copy of its socket, as a process of its own has."""
        listener = HandedListener(self.reactor, os.dup(port.descriptor(worker)))
        handed = self.successResultOf(listener.listen(endpoint, Factory()))
        self.addCleanup(self.reactor.advance, 0)
        self.addCleanup(handed.stopListening)
        return handed

    def test_a_socket_for_each(self) -> None:
        """Of a TCP port every worker has a socket of its own, and a connection is at one of them."""
        port = self.share(TCP)
        descriptors = [port.descriptor(worker) for worker in range(3)]
        self.assertEqual(3, len(set(descriptors)))
        address = (port.getHost().host, port.getHost().port)
        clients = [socket.create_connection(address) for _ in range(30)]
        accepted = [_accept_all(descriptor) for descriptor in descriptors]
        self.assertEqual(30, sum(accepted))
        self.assertEqual([], self.reactor.readers, "the owner accepts nothing")
        for client in clients:
            client.close()

    def test_busy(self) -> None:
        """Nobody else can have the port, as it is with one socket."""
        port = self.share(TCP)
        again = SharingListener(self.reactor, 3).listen(f"tcp:{port.getHost().port}:interface=127.0.0.1", Factory())
        error = self.failureResultOf(again, CannotListenError)
        self.assertIn("in use", str(error.value))

    def test_ipv6(self) -> None:
        """It may be a port of IPv6."""
        self.assertEqual("::1", self.share(r"tcp:0:interface=\:\:1").getHost().host)

    def test_any_address(self) -> None:
        """It may be one of all addresses."""
        self.assertEqual("0.0.0.0", self.share("tcp:0").getHost().host)

    def test_keepalive(self) -> None:
        """What connections inherit is set once, by the owner."""
        port = self.share(TCP)
        with socket.socket(fileno=os.dup(port.descriptor(0))) as first:
            self.assertEqual(1, first.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))

    def test_keepalive_of_all(self) -> None:
        """The sockets of the other workers have it, too."""
        port = self.share(TCP)
        with socket.socket(fileno=os.dup(port.descriptor(2))) as third:
            self.assertEqual(1, third.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))

    def test_unix(self) -> None:
        """A Unix socket is the same for all; its permissions stay, and its file goes with the owner."""
        path = os.path.abspath(self.mktemp())
        port = self.successResultOf(self.listener.listen(f"unix:{path}:mode=600", Factory()))
        self.assertEqual(port.descriptor(0), port.descriptor(2))
        handed = self.hand(port, 1, f"unix:{path}:mode=600")
        self.assertEqual(0o600, stat.S_IMODE(os.stat(path).st_mode))
        handed.stopListening()
        self.reactor.advance(0)
        self.assertTrue(os.path.exists(path))
        port.stopListening()
        self.reactor.advance(0)
        self.assertFalse(os.path.exists(path))

    def test_handed(self) -> None:
        """A worker listens where the owner has bound, whatever the endpoint's string says."""
        port = self.share(TCP)
        for endpoint in (TCP, "haproxy:tcp:0", "systemd:domain=INET:index=0", "haproxy:systemd:domain=INET:name=a"):
            self.assertEqual(port.getHost(), self.hand(port, 0, endpoint).getHost())

    def test_handed_unix(self) -> None:
        """So with a Unix socket that systemd has passed on."""
        path = os.path.abspath(self.mktemp())
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path)
            bound.listen(5)
            port = self.listener.adoptStreamPort(bound.fileno(), socket.AF_UNIX, Factory())
        handed = self.hand(port, 0, "systemd:domain=UNIX:index=0")
        self.assertEqual(path.encode(), handed.getHost().name)
        port.stopListening()


def _accept_all(descriptor: int) -> int:
    """Accept whoever waits at a socket, close them, and return how many they were."""
    accepted: list[socket.socket] = []
    with socket.socket(fileno=os.dup(descriptor)) as listening:
        listening.setblocking(False)
        try:
            while True:
                accepted.append(listening.accept()[0])
        except BlockingIOError:
            pass
    for each in accepted:
        each.close()
    return len(accepted)
