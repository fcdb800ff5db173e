"""Tests for L{tseep.testing.control}, the requests to a child process."""

from __future__ import annotations

import json
import os
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tseep.testing import InProcess
from tseep.testing.control import CALLS, Control


class ControlTests(TestCase):
    """Requests over a pair of pipes."""

    timeout = 60

    def setUp(self) -> None:
        self.server = InProcess()
        source, self.requests = os.pipe()
        self.answers, sink = os.pipe()
        for descriptor in (source, self.answers, sink):
            self.addCleanup(os.close, descriptor)
        self.addCleanup(self.close)
        Control(self.server, source, sink).start()
        self.assertEqual({"port": self.server.port}, json.loads(os.read(self.answers, 10_000)))

    def close(self) -> Deferred[None]:
        """Close the pipe of the requests, upon which the server stops and the thread ends."""
        if self.requests >= 0:
            os.close(self.requests)
            self.requests = -1
        return self.server.wait_stopped()

    def read(self, count: int) -> Deferred[Any]:
        """Return so many answers."""

        def read() -> list[Any]:
            data = b""
            while data.count(b"\n") < count:
                data += os.read(self.answers, 1_000_000)
            return [json.loads(line) for line in data.splitlines()]

        return deferToThread(read)

    async def ask(self, data: bytes) -> Any:
        """Send data; return the answer."""
        os.write(self.requests, data)
        (answer,) = await self.read(1)
        return answer

    async def call(self, call: str, **arguments: Any) -> Any:
        """Send a request; return the answer."""
        return await self.ask(json.dumps({"id": 7, "call": call, "arguments": arguments}).encode() + b"\n")

    async def test_results(self) -> None:
        """Each method has a result, of its own or null; that of a fault or a record is its number."""
        snapshot = (await self.call("snapshot"))["result"]
        results: dict[str, tuple[dict[str, Any], Any]] = {
            "fail": ({"command": "GET", "error": "OOM no", "times": 2}, 1),
            "delay": ({"command": "GET", "seconds": 1, "times": None}, 2),
            "drop": ({"after": 3}, 3),
            "refuse": ({}, 4),
            "loading": ({"seconds": None}, 5),
            "undo": ({"number": 1}, None),
            "advance": ({"seconds": 1}, None),
            "freeze": ({"at": 1e9}, None),
            "unfreeze": ({}, None),
            "set_time": ({"moment": 2e9}, None),
            "record_start": ({}, 1),
            "record_stop": ({"number": 1}, []),
            "last_commands": ({"count": 20}, []),
            "restore": ({"snapshot": snapshot}, None),
            "pids": ({}, [os.getpid()]),
            "flush": ({"keep_connections": True}, None),
        }
        self.assertEqual(set(CALLS), {*results, "snapshot", "load", "stop"})
        for call, (arguments, result) in results.items():
            self.assertEqual({"id": 7, "result": result}, await self.call(call, **arguments), call)

    async def test_pieces(self) -> None:
        """A request can arrive in pieces, and several at once are answered in their order."""
        line = json.dumps({"id": 1, "call": "pids"}).encode()
        os.write(self.requests, line[:9])
        self.assertEqual(1, (await self.ask(line[9:] + b"\n"))["id"])
        os.write(self.requests, b'{"id": 2, "call": "pids"}\n{"id": 3, "call": "flush"}\n')
        self.assertEqual([2, 3], [answer["id"] for answer in await self.read(2)])

    async def test_errors(self) -> None:
        """An error has its type and its text; the next request is answered."""
        wrong = [
            (b"nonsense\n", None, "ValueError", "the request is not JSON"),
            (b"[1]\n", None, "ValueError", "the request is not a JSON object"),
            (b'{"id": 1, "call": "flsh"}\n', 1, "ValueError", "there is no call 'flsh'; did you mean 'flush'?"),
            (b'{"id": 2}\n', 2, "ValueError", "there is no call None"),
            (b'{"id": 3, "call": "fail", "arguments": {"x": 1}}\n', 3, "TypeError", "unexpected keyword argument"),
            (b'{"id": 4, "call": "fail", "arguments": {"command": "GETT", "error": "x"}}\n', 4, "ValueError", "'GET'"),
            (b'{"id": 5, "call": "load", "arguments": {"path": "nowhere"}}\n', 5, "FileNotFoundError", "nowhere"),
            (b'{"id": 6, "call": "url"}\n', 6, "ValueError", "there is no call 'url'"),
        ]
        for data, number, kind, text in wrong:
            answer = await self.ask(data)
            self.assertEqual((number, kind), (answer["id"], answer["error"]))
            self.assertIn(text, answer["message"])
        self.assertEqual({"id": 7, "result": [os.getpid()]}, await self.call("pids"))

    async def test_stop(self) -> None:
        """The answer comes when the server has stopped."""
        self.assertEqual({"id": 7, "result": None}, await self.call("stop"))
        self.assertTrue(self.server.stopped)
        self.assertEqual("RuntimeError", (await self.call("flush"))["error"])

    async def test_eof(self) -> None:
        """The server stops when the pipe is closed."""
        await self.close()
        self.assertTrue(self.server.stopped)
