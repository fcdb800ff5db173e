"""What makes C{twistd tseep} a command, and C{mtls:} an endpoint."""

from twisted.application.service import ServiceMaker

from tseep.net.mtls import MutualTLSParser

tseep = ServiceMaker("tseep", "tseep.tap", "A Redis-compatible key-value server.", "tseep")
mutual_tls = MutualTLSParser()
