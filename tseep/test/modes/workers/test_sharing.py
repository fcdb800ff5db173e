"""Tests for L{tseep.modes.workers.sharing}."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase

from tseep.modes.workers.sharing import HandedListener, SharingListener
from tseep.test.net.test_watcher import FakeReactor

TCP = "tcp:0:interface=127.0.0.1"


class SharingTests(SynchronousTestCase):
    """The owner binds the sockets; each worker listens on a descriptor that it was passed."""

    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.listener = SharingListener(self.reactor, 3, keepalive=60)

    def share(self, endpoint: str) -> Any:
        """Return the port of an endpoint; it is closed at clean-up."""
        port = self.successResultOf(self.listener.listen(endpoint, Factory()))

        def close() -> None:
            closing = port.stopListening()
            self.reactor.advance(0)
            self.successResultOf(closing)

        self.addCleanup(close)
        return port

    def hand(self, port: Any, worker: int, endpoint: str) -> Any:
        """Return a worker's port, listening on a duplicate of its descriptor as in a process of its own."""
        listener = HandedListener(self.reactor, os.dup(port.descriptor(worker)))
        handed = self.successResultOf(listener.listen(endpoint, Factory()))
        self.addCleanup(self.reactor.advance, 0)
        self.addCleanup(handed.stopListening)
        return handed

    def test_socket_per_worker(self) -> None:
        """A TCP port has a socket per worker (C{SO_REUSEPORT}); each connection arrives at one of the workers."""
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
        """Despite C{SO_REUSEPORT} a second server cannot bind a port that is in use."""
        port = self.share(TCP)
        again = SharingListener(self.reactor, 3).listen(f"tcp:{port.getHost().port}:interface=127.0.0.1", Factory())
        error = self.failureResultOf(again, CannotListenError)
        self.assertIn("in use", str(error.value))

    def test_ipv6(self) -> None:
        """An IPv6 port is bound like an IPv4 one."""
        self.assertEqual("::1", self.share(r"tcp:0:interface=\:\:1").getHost().host)

    def test_any_address(self) -> None:
        """A TCP port without an interface is bound to all addresses."""
        self.assertEqual("0.0.0.0", self.share("tcp:0").getHost().host)

    def test_keepalive(self) -> None:
        """The owner sets C{SO_KEEPALIVE} on the listening socket; accepted connections inherit it."""
        port = self.share(TCP)
        with socket.socket(fileno=os.dup(port.descriptor(0))) as first:
            self.assertEqual(1, first.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))

    def test_keepalive_of_all_workers(self) -> None:
        """C{SO_KEEPALIVE} is set on the sockets of all workers."""
        port = self.share(TCP)
        with socket.socket(fileno=os.dup(port.descriptor(2))) as third:
            self.assertEqual(1, third.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))

    def socket_path(self) -> str:
        """The absolute path of a new Unix socket, which the kernel limits to 107 bytes, wherever the tests run."""
        folder = tempfile.TemporaryDirectory(prefix="tseep-")
        self.addCleanup(folder.cleanup)
        return f"{folder.name}/socket"

    def test_unix(self) -> None:
        """
        All workers listen on one Unix socket; a worker neither changes its permissions nor deletes it, the owner
        deletes it on C{stopListening}.
        """
        path = self.socket_path()
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
        """A worker listens on the socket it was passed, for any type of endpoint."""
        port = self.share(TCP)
        for endpoint in (TCP, "haproxy:tcp:0", "systemd:domain=INET:index=0", "haproxy:systemd:domain=INET:name=a"):
            self.assertEqual(port.getHost(), self.hand(port, 0, endpoint).getHost())

    def test_handed_unix(self) -> None:
        """A worker listens on a Unix socket passed by systemd."""
        path = self.socket_path()
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path)
            bound.listen(5)
            port = self.listener.adoptStreamPort(bound.fileno(), socket.AF_UNIX, Factory())
        handed = self.hand(port, 0, "systemd:domain=UNIX:index=0")
        self.assertEqual(path.encode(), handed.getHost().name)
        port.stopListening()


def _accept_all(descriptor: int) -> int:
    """Accept and close all pending connections of a listening socket; return their number."""
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
