"""Tests for L{tseep.daemon.systemd}, with a datagram socket in place of systemd's."""

from __future__ import annotations

import os
import socket

from twisted.trial.unittest import SynchronousTestCase

from tseep.daemon import systemd


class NotifyTests(SynchronousTestCase):
    def listen(self, address: str) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(sock.close)
        sock.bind(address)
        sock.settimeout(5)
        return sock

    def say(self, variable: str, state: str) -> None:
        self.patch(systemd.os, "environ", {systemd.VARIABLE: variable})
        systemd.notify(state)

    def test_path(self) -> None:
        """The state is sent to the socket at a path."""
        path = self.mktemp()
        supervisor = self.listen(path)
        self.say(path, "READY=1")
        self.assertEqual(supervisor.recv(100), b"READY=1")

    def test_abstract(self) -> None:
        """A name that starts with C{@} is a socket in the abstract namespace."""
        name = f"tseep-test-{os.getpid()}"
        supervisor = self.listen(f"\0{name}")
        self.say(f"@{name}", "STOPPING=1")
        self.assertEqual(supervisor.recv(100), b"STOPPING=1")

    def test_no_socket(self) -> None:
        """Without a socket C{notify} does nothing and raises nothing."""
        self.say("/no/such/socket", "READY=1")
        self.say("", "READY=1")
