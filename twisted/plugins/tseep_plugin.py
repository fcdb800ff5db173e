"""The plugins for the command C{twistd tseep} and the endpoint C{mtls:}."""

from twisted.application.service import ServiceMaker

from tseep.net.mtls import MutualTLSParser

tseep = ServiceMaker("tseep", "tseep.tap", "A Redis-compatible key-value server.", "tseep")
mutual_tls = MutualTLSParser()
