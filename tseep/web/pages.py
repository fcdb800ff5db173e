"""The live page, its data in JSON, C{/health} and C{/alive}."""

from __future__ import annotations

import json
import platform
from heapq import nlargest
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING, Any

from twisted.web.resource import Resource
from twisted.web.static import Data

from tseep import __version__
from tseep.session.client_info import facts, memory_of
from tseep.web.health import problems
from tseep.web.query import ask

if TYPE_CHECKING:
    from tseep.interfaces import IMode
    from tseep.server.server import Server
    from tseep.session.session import Session
    from tseep.telemetry.slowlog import Entry
    from tseep.web.samples import Samples

STATIC = Path(__file__).with_name("static")
PAGE = "index.html"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}

MOST_CLIENTS = 50
"""Number of clients on the live page: those with most memory."""

_SHOWN = ("id", "addr", "name", "user", "db", "age", "idle", "flags", "cmd", "omem", "tot-mem", "lib-name")

_HEADERS = {
    b"Cache-Control": b"no-store",
    b"Content-Security-Policy": b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    b"img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    b"Referrer-Policy": b"no-referrer",
    b"X-Content-Type-Options": b"nosniff",
}


def harden(request: Any) -> None:
    """Set headers against loading foreign content, framing and caching."""
    for name, value in _HEADERS.items():
        request.setHeader(name, value)


def add_page(root: Resource, mode: IMode, samples: Samples) -> None:
    """Add the live page, its static files and its data to C{root}."""
    for file in STATIC.iterdir():
        if file.suffix in TYPES:
            name = "" if file.name == PAGE else file.name
            root.putChild(name.encode(), Data(file.read_bytes(), TYPES[file.suffix]))
    root.putChild(b"live.json", Live(mode, samples))


class _Json(Resource):
    isLeaf = True

    def __init__(self, mode: IMode) -> None:
        super().__init__()
        self._mode = mode

    def render_GET(self, request: Any) -> bytes:
        request.setHeader(b"Content-Type", b"application/json")
        answer = ask(self._mode, lambda: self.answer(request, self._mode.server))
        return json.dumps(answer).encode() + b"\n"

    def answer(self, request: Any, server: Server) -> dict[str, Any]:
        """Return the document. Called through the mode, so that the server may be accessed."""
        raise NotImplementedError


class Alive(_Json):
    """Status 200 from every server that answers, whatever it refuses: a restart would not help. Needs no password."""

    def answer(self, request: Any, server: Server) -> dict[str, Any]:
        return {"status": "ok"}


class Health(_Json):
    """Status 200 if the server serves every request, 503 with the L{problems} otherwise. Needs no password."""

    def answer(self, request: Any, server: Server) -> dict[str, Any]:
        reasons = [problem.reason for problem in problems(server)]
        if reasons:
            request.setResponseCode(503)
        return {"status": "failing" if reasons else "ok", "reasons": reasons}


class Live(_Json):
    """
    The data of the live page: the samples after C{?since=}, the slow log, v3's workers, and the clients.

    @param samples: one for each of the last seconds.
    """

    def __init__(self, mode: IMode, samples: Samples) -> None:
        super().__init__(mode)
        self._samples = samples

    def answer(self, request: Any, server: Server) -> dict[str, Any]:
        return {
            "server": _about(server),
            "samples": [sample._asdict() for sample in self._samples.since(_number(request, b"since"))],
            "slowlog": [_slow(entry) for entry in server.slowlog.entries],
            "workers": [worker._asdict() for worker in self._samples.workers],
            "clients": _clients(list(server.sessions.values())),
        }


def _number(request: Any, name: bytes) -> float:
    """Return a numeric query parameter; 0 if it is missing or wrong."""
    try:
        return float(request.args[name][0])
    except (KeyError, ValueError):
        return 0.0


def _about(server: Server) -> dict[str, Any]:
    return {
        "version": __version__,
        "mode": server.mode,
        "host": gethostname(),
        "run": server.run_id,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "addresses": server.addresses,
        "uptime": server.uptime,
        "problems": [problem.details for problem in problems(server)],
    }


def _slow(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "when": entry.when,
        "microseconds": entry.microseconds,
        "command": " ".join(map(_readable, entry.argv)),
        "client": _readable(entry.peer),
        "name": _readable(entry.name),
    }


def _readable(word: bytes) -> str:
    return word.decode("utf-8", "backslashreplace")


def _clients(sessions: list[Session]) -> dict[str, Any]:
    shown = nlargest(MOST_CLIENTS, sessions, key=memory_of)
    fields = [facts(session) for session in shown]
    return {"count": len(sessions), "shown": [{name: each[name] for name in _SHOWN} for each in fields]}
