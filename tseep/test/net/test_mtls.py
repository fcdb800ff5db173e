"""Tests for L{tseep.net.mtls}; C{tests/server/test_endpoints.py} has those that need certificates."""

from __future__ import annotations

from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IStreamServerEndpointStringParser
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tseep.net.mtls import MutualTLSParser


class MutualTLSParserTests(SynchronousTestCase):
    """The parser of endpoint strings with the prefix C{mtls:}."""

    def test_interface(self) -> None:
        verifyObject(IStreamServerEndpointStringParser, MutualTLSParser())

    def test_plugin(self) -> None:
        """Twisted finds the plugin; a missing file option raises C{ValueError}."""
        for text in ("mtls:1", "mtls:1:privateKey=a:certKey=b", "mtls:1:clientCA=c:certKey=b"):
            with self.assertRaisesRegex(ValueError, r"=FILE is missing: mtls:PORT:"):
                serverFromString(MemoryReactor(), text)
