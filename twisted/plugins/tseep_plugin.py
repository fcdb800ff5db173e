"""What makes C{twistd tseep} a command."""

from twisted.application.service import ServiceMaker

tseep = ServiceMaker("tseep", "tseep.tap", "A Redis-compatible key-value server.", "tseep")
