"""
The process of L{tseep.testing.ChildProcess}: C{python -m tseep.testing MODE [PARAMETER VALUE ...]}.

It writes its port to standard output, obeys requests on standard input, and exits at EOF there.
"""

from __future__ import annotations

import sys

from twisted.internet import reactor, stdio
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from tseep.system.open_files import allow_clients
from tseep.testing import InProcess

CLIENTS = 1000
"""The number of clients for which to raise the limit on open files."""


class Leash(LineOnlyReceiver):
    """The protocol on standard input and output, which are pipes to the process of the tests."""

    delimiter = b"\n"

    def __init__(self, server: InProcess) -> None:
        self._server = server

    def connectionMade(self) -> None:
        self.sendLine(b"%d" % self._server.port)

    def lineReceived(self, line: bytes) -> None:
        """Reset the server and echo the line; L{FLUSH <tseep.testing.FLUSH>} is the only request."""
        self._server.flush()
        self.sendLine(line)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._server.stop().addBoth(lambda _: reactor.stop())


def main(mode: str, words: list[str]) -> None:
    """Run the server until EOF on standard input."""
    allow_clients(CLIENTS)
    stdio.StandardIO(Leash(InProcess(reactor, mode, **dict(zip(words[::2], words[1::2])))))
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
