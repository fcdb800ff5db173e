"""Tests of L{tseep.daemon.endpoints}."""

from __future__ import annotations

from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from tseep.daemon.endpoints import problem


class ProblemTests(SynchronousTestCase):
    """L{problem}: explanations of endpoints that Twisted cannot parse."""

    def test_likely(self) -> None:
        """A port, an address with a port, and a path are answered with the endpoint that they probably mean."""
        for wrong, right in (
            ("23000", "tcp:23000:interface=127.0.0.1"),
            (":6380", "tcp:6380:interface=127.0.0.1"),
            ("localhost:6380", "tcp:6380:interface=localhost"),
            ("10.0.0.1:6380", "tcp:6380:interface=10.0.0.1"),
            ("*:6380", "tcp:6380"),
            ("[::1]:6380", "tcp6:6380:interface=\\:\\:1"),
            ("/run/tseep.sock", "unix:/run/tseep.sock"),
        ):
            self.assertEqual(f"write it as {right}", problem(MemoryReactor(), wrong))
            self.assertEqual("", problem(MemoryReactor(), right))

    def test_wrong(self) -> None:
        """Other errors have their cause and an example, without the words of Python's exceptions."""
        for wrong, cause in (
            ("tcp:abc", "'abc' is not a number; write it as in tcp:6379:interface=127.0.0.1"),
            ("tcp", "missing argument: 'port'; write it as in tcp:6379:interface=127.0.0.1"),
            ("unix", "missing argument: 'address'"),
            ("quic:6379", "Unknown endpoint type: 'quic'; write it as in tcp:6379:interface=127.0.0.1"),
            ("tcp:65536", "port 65536 is not between 0 and 65535"),
        ):
            self.assertEqual(cause, problem(MemoryReactor(), wrong))
