"""Tests for L{tseep.testing}; tests/project/test_testing.py covers the pytest plugin."""

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
    """A client that sends one command at a time."""

    def __init__(self) -> None:
        self._waiting: list[Deferred[bytes]] = []

    async def ask(self, *argv: Any) -> Any:
        """Send a command; return its reply."""
        answer: Deferred[bytes] = Deferred()
        self._waiting.append(answer)
        assert self.transport is not None
        self.transport.write(encode(*argv))
        (reply,) = decode(await answer)
        return reply

    def dataReceived(self, data: bytes) -> None:
        """Fire the pending reply; short replies arrive in one piece."""
        self._waiting.pop(0).callback(data)


class InProcessTests(TestCase):
    """A server on the tests' reactor, which must be clean afterwards."""

    async def talk(self, server: InProcess) -> None:
        """Send commands, and leave a client blocked with a timeout."""
        endpoint = clientFromString(reactor, f"tcp:{server.host}:{server.port}")
        client = await connectProtocol(endpoint, Client())
        self.assertEqual("OK", await client.ask("SET", "k", "v"))
        self.assertEqual(b"v", await client.ask("GET", "k"))
        server.flush()
        self.assertIs(None, await client.ask("GET", "k"))
        client.transport.write(encode("BLPOP", "nothing", 100))

    async def test_evented(self) -> None:
        """v2 leaves no reader or delayed call behind."""
        server = InProcess()
        self.assertEqual(f"redis://127.0.0.1:{server.port}/0", server.url)
        await self.talk(server)
        await server.stop()

    async def test_threaded(self) -> None:
        """v1 leaves no reader or delayed call behind."""
        server = InProcess(mode="v1")
        await self.talk(server)
        await server.stop()

    def test_parameter(self) -> None:
        """An invalid parameter raises an error before anything is started."""
        self.assertRaises(ValueError, InProcess, timeout="soon")
