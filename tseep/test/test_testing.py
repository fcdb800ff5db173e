"""Tests for L{tseep.testing}; tests/project/test_testing.py shows the rest with pytest."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.trial.unittest import TestCase

from tseep.test.support import decode, encode
from tseep.testing import InProcess


class Client(Protocol):
    """A client that waits for one answer after the other."""

    def __init__(self) -> None:
        self._waiting: list[Deferred[bytes]] = []

    async def ask(self, *argv: Any) -> Any:
        """Send a command, and return its reply."""
        answer: Deferred[bytes] = Deferred()
        self._waiting.append(answer)
        assert self.transport is not None
        self.transport.write(encode(*argv))
        (reply,) = decode(await answer)
        return reply

    def dataReceived(self, data: bytes) -> None:
        """An answer has come, in one piece since they are short."""
        self._waiting.pop(0).callback(data)


class InProcessTests(TestCase):
    """A server on the reactor of the tests, which finds it clean afterwards."""

    async def talk(self, server: InProcess) -> None:
        """Use it, and leave somebody waiting, with a timer set."""
        endpoint = clientFromString(reactor, f"tcp:{server.host}:{server.port}")
        client = await connectProtocol(endpoint, Client())
        self.assertEqual("OK", await client.ask("SET", "k", "v"))
        self.assertEqual(b"v", await client.ask("GET", "k"))
        server.flush()
        self.assertIs(None, await client.ask("GET", "k"))
        client.transport.write(encode("BLPOP", "nothing", 100))

    async def test_evented(self) -> None:
        """v2 leaves nothing behind."""
        server = InProcess()
        self.assertEqual(f"redis://127.0.0.1:{server.port}/0", server.url)
        await self.talk(server)
        await server.stop()

    async def test_threaded(self) -> None:
        """v1 leaves nothing behind."""
        server = InProcess(mode="v1")
        await self.talk(server)
        await server.stop()

    def test_parameter(self) -> None:
        """A parameter that cannot be read is refused before anything is begun."""
        self.assertRaises(ValueError, InProcess, timeout="soon")
