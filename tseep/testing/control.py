"""
The requests to a server in a process of its own: lines of JSON, which name a method of L{InProcess} that L{CALLS}
contains::

    {"id": 7, "call": "fail", "arguments": {"command": "GET", "error": "OOM no memory", "times": 2}}
    {"id": 7, "result": 1}
    {"id": 7, "error": "ValueError", "message": "there is no command 'GETT'; did you mean 'GET'?"}
"""

from __future__ import annotations

import base64
import gc
import json
import os
import select
import threading
from collections.abc import Iterator
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from pytest_tseep.shared import Change
from tseep.system.open_files import allow_clients
from tseep.testing.in_process import InProcess
from tseep.testing.names import nearest

CLIENTS = 1000
"""The number of clients for which to raise the limit on open files."""

READ_BYTES = 64 * 1024
"""Bytes of one read of standard input."""

CALLS = (
    "flush", "fail", "delay", "drop", "refuse", "loading", "undo", "advance", "freeze", "unfreeze", "set_time",
    "record_start", "record_stop", "last_commands", "snapshot", "restore", "load", "pids", "stop",
)  # fmt: skip
"""The methods that requests can call."""

INTERRUPTING = ("flush", "stop")
"""Calls that do not wait for the end of a script, which may never come."""

KILL_INTERVAL_S = 0.02
"""Seconds between two attempts to kill the running script, while a request waits."""


class Control:
    """
    Answers the requests. A thread reads them, so that a script, which keeps the reactor from its work, can be killed.

    @param source: the descriptor of standard input. C{sink}: of standard output.
    """

    def __init__(self, server: InProcess, source: int, sink: int) -> None:
        self._server = server
        self._source = source
        self._sink = sink
        self._done = threading.Event()
        self._closed = select.poll()
        self._closed.register(source, 0)  # POLLHUP, which is always reported: the process of the tests has ended

    def start(self) -> None:
        """Write the port and start to read."""
        _write(self._sink, {"port": self._server.port})
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        """Pass each request to the reactor, and wait for its answer. At EOF, end the process."""
        for line in self._lines():
            request = _parsed(line)
            self._done.clear()
            reactor.callFromThread(self._answer, request)  # type: ignore[attr-defined]
            self._wait(request.get("call") in INTERRUPTING)
        self._done.clear()
        reactor.callFromThread(self._end)  # type: ignore[attr-defined]
        self._wait(True)

    def _lines(self) -> Iterator[bytes]:
        rest = bytearray()  # a snapshot is long: appending to bytes copies what is there
        while True:
            data = os.read(self._source, READ_BYTES)
            if not data:
                return
            first, *others = data.split(b"\n")
            rest += first
            for other in others:
                yield bytes(rest)
                rest = bytearray(other)

    def _wait(self, interrupts: bool) -> None:
        """Wait until the reactor's thread is done, and kill scripts meanwhile, or once standard input is closed."""
        while not self._done.wait(KILL_INTERVAL_S):
            if interrupts or self._closed.poll(0):
                self._server.interrupt()

    def _answer(self, request: dict[str, Any]) -> None:
        """Call the method of a request in the reactor's thread, and write its result."""
        id = request.get("id")
        try:
            result = _called(self._server, request)
        except Exception as error:
            self._finish({"id": id, **_failure(error)})
            return
        if isinstance(result, Deferred):
            result.addCallbacks(
                lambda _: self._finish({"id": id, "result": None}),
                lambda failure: self._finish({"id": id, **_failure(failure.value)}),
            )
        else:
            self._finish({"id": id, "result": result})

    def _finish(self, answer: dict[str, Any]) -> None:
        _write(self._sink, answer)
        self._done.set()

    def _end(self) -> None:
        self._server.stop()
        self._done.set()


def _parsed(line: bytes) -> dict[str, Any]:
    """Return a request; C{problem} is its only item if it is none."""
    try:
        request = json.loads(line)
    except ValueError as error:
        return {"problem": f"the request is not JSON: {error}"}
    return request if isinstance(request, dict) else {"problem": "the request is not a JSON object"}


def _called(server: InProcess, request: dict[str, Any]) -> Any:
    if "problem" in request:
        raise ValueError(request["problem"])
    call, arguments = request.get("call"), request.get("arguments") or {}
    if call not in CALLS:
        raise ValueError(f"there is no call {call!r}{nearest(str(call), CALLS)}")
    if "snapshot" in arguments:
        arguments["snapshot"] = base64.b64decode(arguments["snapshot"], validate=True)
    if call == "flush":
        return Deferred.fromCoroutine(server.flush_and_wait(**arguments))
    result = getattr(server, call)(**arguments)
    if isinstance(result, Deferred):
        return result
    if isinstance(result, bytes):
        return base64.b64encode(result).decode()
    return result.number if isinstance(result, Change) else result


def _failure(error: BaseException) -> dict[str, Any]:
    return {"error": type(error).__name__, "message": str(error)}


def _write(sink: int, answer: dict[str, Any]) -> None:
    data = memoryview(json.dumps(answer).encode() + b"\n")
    try:
        while data:
            data = data[os.write(sink, data) :]
    except BrokenPipeError:
        pass  # the process of the tests has ended: EOF follows


def main(mode: str, words: list[str]) -> None:
    """
    Run the server until EOF on standard input, or a client's SHUTDOWN.

    @raise SystemExit: if it cannot start.
    """
    allow_clients(CLIENTS)
    try:
        server = InProcess(mode, **dict(zip(words[::2], words[1::2])))
    except Exception as error:
        _write(1, _failure(error))
        raise SystemExit(1) from None
    reactor.addSystemEventTrigger("before", "shutdown", server.stop)
    server.wait_stopped().addCallback(lambda _: reactor.stop())
    reactor.callWhenRunning(Control(server, 0, 1).start)  # SIGTERM has its handler by then
    if hasattr(gc, "freeze"):  # not PyPy's
        gc.freeze()  # what is there now stays until the end
    gc.enable()
    reactor.run()
