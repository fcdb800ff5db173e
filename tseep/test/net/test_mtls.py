"""Tests of L{tseep.net.mtls}; what needs certificates is in C{tests/server/test_endpoints.py}."""

from __future__ import annotations

from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IStreamServerEndpointStringParser
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tseep.net.mtls import MutualTLSParser


class MutualTLSParserTests(SynchronousTestCase):
    """Strings that begin with C{mtls:}."""

    def test_interface(self) -> None:
        """It is what Twisted looks for."""
        verifyObject(IStreamServerEndpointStringParser, MutualTLSParser())

    def test_found(self) -> None:
        """Twisted finds it, and hears what is missing."""
        for text in ("mtls:1", "mtls:1:privateKey=a:certKey=b", "mtls:1:clientCA=c:certKey=b"):
            with self.assertRaisesRegex(ValueError, r"=FILE is missing: mtls:PORT:"):
                serverFromString(MemoryReactor(), text)
