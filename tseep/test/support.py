"""Shared set-up of the trial tests: a server on fake clocks, and clients in memory.

Replies are decoded by an independent decoder, so that faults of the server's encoders show.
"""

from __future__ import annotations

import os
import threading
from typing import Any, Callable, ClassVar, Union

from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tseep.configuration.parameters import Config
from tseep.datatypes.limits import LIMITS
from tseep.interfaces import IConnection
from tseep.server.server import Server
from tseep.session.session import Session

Argument = Union[bytes, str, int, float]

START = 1_700_000_000
"""The Unix time in seconds at which every test starts."""


def made_folder(test: SynchronousTestCase) -> str:
    """Make a folder for a test's files; return its path."""
    path = os.path.abspath(test.mktemp())
    os.makedirs(path)
    return path


class Error(str):
    """A RESP error: the text after the dash, with its code."""

    def __repr__(self) -> str:
        return f"Error({str(self)!r})"


class Push(list[Any]):
    """A push message of RESP3."""


class Verbatim(bytes):
    """A verbatim string of RESP3; C{format} is C{txt} or C{mkd}."""

    format: str


def decode(data: bytes) -> list[Any]:
    """
    Return all replies in C{data}, which must end with a complete one.

    Simple strings become C{str}, bulk strings C{bytes}, every null C{None}, sets C{set} (C{list} if a member is a
    collection) and maps C{dict}.
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
    """Return a command's bytes in RESP."""
    parts = [argument if isinstance(argument, bytes) else str(argument).encode() for argument in argv]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


def log_events(case: SynchronousTestCase) -> list[Any]:
    """Return the list of the log events from now to the end of the test."""
    events: list[Any] = []
    globalLogPublisher.addObserver(events.append)  # type: ignore[arg-type]
    case.addCleanup(globalLogPublisher.removeObserver, events.append)  # type: ignore[arg-type]
    return events


@implementer(IConnection)
class MemoryConnection:
    """
    A connection in memory; C{closed} is True once the session has closed it.

    @ivar later: what the client sends in the middle of a command, read by read.
    """

    peer = "127.0.0.1:50000"
    host = "127.0.0.1:6379"
    fileno = -1
    unsent = 0
    worker = None
    closed = False

    def __init__(self) -> None:
        self.sent = b""
        self.later: list[bytes] = []
        self.session: Any = None

    def send(self, data: bytes) -> int:
        self.sent += data
        return 0

    def read_on(self) -> None:
        """Give the session the next of C{later}; lose the connection after the last."""
        if self.later:
            self.session.receive(self.later.pop(0))
        else:
            self.session.server.disconnect(self.session)

    def resume(self) -> None:
        """Resume the session and append its replies to C{sent}."""
        while self.session is not None and self.session.pending_commands is not None:
            self.sent += self.session.resume()

    def close(self) -> None:
        self.closed = True


class SessionTests(SynchronousTestCase):
    """
    Base class of tests that send commands to a server in memory.

    @cvar config: parameters other than the default, by name, with underscores in place of dashes.
    @ivar clock: the server's wall clock, which starts at L{START}.
    @ivar timer: the server's monotonic timer in nanoseconds. L{advance} moves both clocks; moving C{clock} alone sets
        the wall clock.
    @ivar server: the server.
    @ivar session: its first client, which uses RESP2.
    """

    config: ClassVar[dict[str, str]] = {}

    def setUp(self) -> None:
        for name in vars(LIMITS):  # of the process, set by each server
            self.patch(LIMITS, name, getattr(LIMITS, name))
        self.clock = Clock()
        self.clock.advance(START)
        self.timer = 0
        self.server = Server(Config(**self.config), self.clock.seconds, self.look_at_timer)
        self.session = self.connect()

    def connect(self) -> Session:
        """Connect another client; return its session."""
        connection: Any = MemoryConnection()
        session = self.server.connect(connection)
        assert isinstance(session, Session)
        connection.session = session
        return session

    def sent(self, session: Session) -> list[Any]:
        """Return, decoded, what a session was sent by the server since the last call, other than replies of L{send}."""
        connection: Any = session.connection
        data, connection.sent = connection.sent, b""
        return decode(data)

    def look_at_timer(self) -> int:
        """Return the timer's value, which advances by a nanosecond at each call."""
        self.timer += 1
        return self.timer

    def pass_time(self, seconds: float) -> None:
        """Advance both clocks by C{seconds}; no timer fires."""
        self.clock.advance(seconds)
        self.timer += round(seconds * 1e9)
        self.server.keyspace.second = self.timer // 1_000_000_000

    def advance(self, seconds: float) -> None:
        """Advance both clocks by C{seconds} and fire the timers that are due."""
        self.pass_time(seconds)
        self.server.fire()

    def send(self, *argv: Argument, session: Session | None = None) -> bytes:
        """Send a command from a session, by default the first client's; return the reply's bytes."""
        session = session or self.session
        replies = session.receive(encode(*argv))
        while session.pending_commands is not None:
            replies += session.resume()
        return replies

    def run_command(self, *argv: Argument, session: Session | None = None) -> Any:
        """Run a command; return its one reply as decoded by L{decode}."""
        replies = decode(self.send(*argv, session=session))
        self.assertEqual(1, len(replies), f"{argv} must have one reply, not {replies}")
        return replies[0]

    def assertReply(self, expected: Any, *argv: Argument, session: Session | None = None) -> None:
        """Assert that a command's reply is C{expected}; a C{str} is a simple string."""
        reply = self.run_command(*argv, session=session)
        self.assertEqual(expected, reply, f"as the reply to {argv}")
        self.assertIs(type(expected), type(reply), f"as the reply to {argv}")

    def assertError(self, text: str, *argv: Argument, session: Session | None = None) -> None:
        """Assert that a command's reply is the error C{text}, code included."""
        self.assertReply(Error(text), *argv, session=session)


class ThreadClock(Clock):
    """
    A fake reactor's clock that runs C{callFromThread} calls at once, in the calling thread.

    @ivar called: set after such a call.
    """

    def __init__(self) -> None:
        super().__init__()
        self.called = threading.Event()

    def callFromThread(self, function: Callable[..., Any], *arguments: Any) -> None:
        function(*arguments)
        self.called.set()
