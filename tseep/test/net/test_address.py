"""Tests for L{tseep.net.address}."""

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from tseep.net.address import show


class ShowTests(SynchronousTestCase):
    """C{show} formats addresses as CLIENT LIST does."""

    def test_ipv4(self) -> None:
        """An IPv4 address is formatted as C{host:port}."""
        self.assertEqual(show(IPv4Address("TCP", "127.0.0.1", 6379)), "127.0.0.1:6379")

    def test_ipv6(self) -> None:
        """The host of an IPv6 address is in brackets."""
        self.assertEqual(show(IPv6Address("TCP", "::1", 6379)), "[::1]:6379")

    def test_unix(self) -> None:
        """A Unix socket's address is its path with port 0."""
        self.assertEqual(show(UNIXAddress(b"/tmp/tseep.sock")), "/tmp/tseep.sock:0")

    def test_unnamed(self) -> None:
        """The unnamed end of a Unix socket is formatted as C{:0}."""
        self.assertEqual(show(UNIXAddress(None)), ":0")
