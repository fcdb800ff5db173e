"""
What the unit tests of commands share: a server on a clock that the test turns, and clients in memory.

The replies are read by a decoder of its own, so that a fault of the server's encoders shows.
"""

from __future__ import annotations

import os
import threading
from typing import Any, Callable, ClassVar, Union

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tseep.configuration.parameters import Config
from tseep.interfaces import IConnection
from tseep.server.server import Server
from tseep.session.session import Session

Argument = Union[bytes, str, int, float]

START = 1_700_000_000
"""The Unix time in seconds at which every test begins."""


def made_folder(test: SynchronousTestCase) -> str:
    """A new folder for a test's files."""
    path = os.path.abspath(test.mktemp())
    os.makedirs(path)
    return path


class Error(str):
    """A RESP error; its text, which begins with the code."""

    def __repr__(self) -> str:
        return f"Error({str(self)!r})"


class Push(list[Any]):
    """A RESP3 push."""


class Verbatim(bytes):
    """A RESP3 verbatim string; its text. C{format} is C{txt} or C{mkd}."""

    format: str


def decode(data: bytes) -> list[Any]:
    """
    All the replies in C{data}, which must end where the last one does.

    Simple strings become C{str}, bulk strings C{bytes}, every null C{None}, sets C{set} (C{list}, if a member
    is a collection) and maps C{dict}.
    """
    replies = []
    at = 0
    while at < len(data):
        reply, at = _decode_one(data, at)
        replies.append(reply)
    return replies


def _decode_one(data: bytes, at: int) -> tuple[Any, int]:
    end = data.index(b"\r\n", at)
    mark, line = data[at : at + 1], data[at + 1 : end].decode("utf-8", "surrogateescape")
    if mark in _LINES:
        return _LINES[mark](line), end + 2
    if line == "-1":
        return None, end + 2
    if mark in b"$=":
        return _decode_bulk(mark, data, end + 2, int(line))
    return _decode_collection(mark, data, end + 2, int(line))


def _decode_bulk(mark: bytes, data: bytes, at: int, length: int) -> tuple[bytes, int]:
    text = data[at : at + length]
    if data[at + length : at + length + 2] != b"\r\n":
        raise ValueError(f"no line end after the string {text!r}")
    if mark == b"=":
        verbatim = Verbatim(text[4:])
        verbatim.format = text[:3].decode()
        text = verbatim
    return text, at + length + 2


def _decode_collection(mark: bytes, data: bytes, at: int, count: int) -> tuple[Any, int]:
    parts = []
    for _ in range(2 * count if mark == b"%" else count):
        part, at = _decode_one(data, at)
        parts.append(part)
    return _COLLECTIONS[mark](parts), at


def _set(parts: list[Any]) -> Any:
    return parts if any(isinstance(part, (list, dict, set)) for part in parts) else set(parts)


def _null(line: str) -> None:
    assert line == ""


_LINES: dict[bytes, Any] = {
    b"+": str,
    b"-": Error,
    b":": int,
    b",": float,
    b"(": int,
    b"#": {"t": True, "f": False}.__getitem__,
    b"_": _null,
}
_COLLECTIONS: dict[bytes, Any] = {
    b"*": list,
    b">": Push,
    b"~": _set,
    b"%": lambda parts: dict(zip(parts[::2], parts[1::2])),
}


def encode(*argv: Argument) -> bytes:
    """A command as a client sends it."""
    parts = [argument if isinstance(argument, bytes) else str(argument).encode() for argument in argv]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


@implementer(IConnection)
class MemoryConnection:
    """A connection that goes nowhere. C{closed} tells whether the session's client was let go."""

    peer = "127.0.0.1:50000"
    host = "127.0.0.1:6379"
    fileno = -1
    unsent = 0
    worker = None
    closed = False

    def __init__(self) -> None:
        self.sent = b""
        self.session: Any = None

    def send(self, data: bytes) -> int:
        """Keep it in C{sent}."""
        self.sent += data
        return 0

    def resume(self) -> None:
        """Let the session go on, and keep its replies."""
        while self.session is not None and self.session.waiting is not None:
            self.sent += self.session.resume()

    def close(self) -> None:
        """Remember it."""
        self.closed = True


class SessionTests(SynchronousTestCase):
    """
    Tests that talk to a server as its clients do.

    @cvar config: parameters that are not at their default, by name, with underscores in place of dashes.
    @ivar clock: the server's wall clock, which begins at L{START}, and C{timer}, the nanoseconds on its timer.
        L{advance} turns both; to turn the one alone is to set the wall clock.
    @ivar server: the server.
    @ivar session: its first client, which speaks RESP2.
    """

    config: ClassVar[dict[str, str]] = {}

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.timer = 0
        self.server = Server(Config(**self.config), self.clock.seconds, self.look_at_timer)
        self.session = self.connect()

    def connect(self) -> Session:
        """Another client."""
        connection: Any = MemoryConnection()
        session = self.server.connect(connection)
        assert isinstance(session, Session)
        connection.session = session
        return session

    def sent(self, session: Session) -> list[Any]:
        """What a session was sent without asking since the last look, as L{decode} reads it."""
        connection: Any = session.connection
        data, connection.sent = connection.sent, b""
        return decode(data)

    def look_at_timer(self) -> int:
        """The timer; a nanosecond passes with each look."""
        self.timer += 1
        return self.timer

    def pass_time(self, seconds: float) -> None:
        """Let time pass on both clocks, and nothing happen by itself."""
        self.clock.advance(seconds)
        self.timer += round(seconds * 1e9)
        self.server.keyspace.second = self.timer // 1_000_000_000

    def advance(self, seconds: float) -> None:
        """Let time pass, and do what is due by then."""
        self.pass_time(seconds)
        self.server.fire()

    def send(self, *argv: Argument, session: Session | None = None) -> bytes:
        """Give a command to a session, the first client's if none is named, and return the reply's bytes."""
        session = session or self.session
        replies = session.receive(encode(*argv))
        while session.waiting is not None:
            replies += session.resume()
        return replies

    def run_command(self, *argv: Argument, session: Session | None = None) -> Any:
        """Run a command and return its one reply, as L{decode} reads it."""
        replies = decode(self.send(*argv, session=session))
        self.assertEqual(1, len(replies), f"{argv} must have one reply, not {replies}")
        return replies[0]

    def assertReply(self, expected: Any, *argv: Argument, session: Session | None = None) -> None:
        """The command answers C{expected}; a C{str} stands for a simple string."""
        reply = self.run_command(*argv, session=session)
        self.assertEqual(expected, reply, f"as the reply to {argv}")
        self.assertIs(type(expected), type(reply), f"as the reply to {argv}")

    def assertError(self, text: str, *argv: Argument, session: Session | None = None) -> None:
        """The command answers the error C{text}, its code included."""
        self.assertReply(Error(text), *argv, session=session)


class ThreadClock(Clock):
    """
    A reactor's clock that calls at once what a thread asks it to call.

    @ivar called: set when it has.
    """

    def __init__(self) -> None:
        super().__init__()
        self.called = threading.Event()

    def callFromThread(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Call the function."""
        function(*arguments)
        self.called.set()
