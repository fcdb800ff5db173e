"""Tests for L{tseep.daemon.systemd}."""

from __future__ import annotations

import os
import socket

from twisted.trial.unittest import SynchronousTestCase

from tseep.daemon import systemd


class NotifyTests(SynchronousTestCase):
    """The test is systemd, with a datagram socket."""

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
        """The state goes to the socket at a path."""
        path = self.mktemp()
        supervisor = self.listen(path)
        self.say(path, "READY=1")
        self.assertEqual(supervisor.recv(100), b"READY=1")

    def test_abstract(self) -> None:
        """A name that begins with @ is in the abstract namespace."""
        name = f"tseep-test-{os.getpid()}"
        supervisor = self.listen(f"\0{name}")
        self.say(f"@{name}", "STOPPING=1")
        self.assertEqual(supervisor.recv(100), b"STOPPING=1")

    def test_nobody(self) -> None:
        """Where nobody listens, nothing fails."""
        self.say("/no/such/socket", "READY=1")
        self.say("", "READY=1")
