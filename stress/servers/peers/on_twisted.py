"""A comparison server: Twisted's protocol on its default reactor."""

from __future__ import annotations

from resp import Conversation, Keys
from start import BACKLOG, HOST, libraries, port

with libraries():
    from twisted.internet import reactor
    from twisted.internet.interfaces import ITCPTransport
    from twisted.internet.protocol import Protocol, ServerFactory


class Client(Protocol):
    """One connection. Unlike with asyncio, unread answers accumulate without limit."""

    transport: ITCPTransport

    def __init__(self, keys: Keys) -> None:
        self._conversation = Conversation(keys)

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(self._conversation.receive(data))
        if self._conversation.ended:
            self.transport.loseConnection()


class Clients(ServerFactory):
    """Builds the protocols, which share the keys."""

    def __init__(self) -> None:
        self._keys: Keys = {}

    def buildProtocol(self, address: object) -> Client:
        return Client(self._keys)


if __name__ == "__main__":
    reactor.listenTCP(port(__doc__), Clients(), BACKLOG, HOST)
    reactor.run()
