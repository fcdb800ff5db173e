"""
The server of L{tseep.testing.ChildProcess}: C{python -m tseep.testing MODE [PARAMETER VALUE ...]}.

It writes its port, does what it is told on its standard input, and ends when that does.
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
"""So many clients the limit on open files is raised for."""


class Leash(LineOnlyReceiver):
    """Standard input and output: whoever has started this process holds the other ends."""

    delimiter = b"\n"

    def __init__(self, server: InProcess) -> None:
        self._server = server

    def connectionMade(self) -> None:
        """Tell where the server listens."""
        self.sendLine(b"%d" % self._server.port)

    def lineReceived(self, line: bytes) -> None:
        """There is one thing that it may be told: to make everything as new."""
        self._server.flush()
        self.sendLine(line)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It was let go."""
        self._server.stop().addBoth(lambda _: reactor.stop())


def main(mode: str, words: list[str]) -> None:
    """Run until standard input ends."""
    allow_clients(CLIENTS)
    stdio.StandardIO(Leash(InProcess(reactor, mode, **dict(zip(words[::2], words[1::2])))))
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
