"""
Test clients. They share no protocol code with the servers, so that an error in either is detected.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

PATIENCE = 30.0
"""Timeout in seconds of waiting for a server. No test measures by it."""


class Error(str):
    """The text of an error reply, which begins with its code."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Error({str(self)!r})"


class Reply(NamedTuple):
    """
    One reply as it was sent.

    @ivar mark: the byte that it began with, which is its type.
    @ivar value: the text of a line, the bytes of a string, the parts of a collection (a map's keys and values in
        turn), or None for what has no length.
    """

    mark: str
    value: Any

    @property
    def plain(self) -> Any:
        """The reply as a plain value: str, bytes, int, float, bool, None, list, set, dict or L{Error}."""
        return None if self.value is None else _PLAIN[self.mark](self.value)


def _pairs(parts: Sequence[Reply]) -> Iterator[tuple[Any, Any]]:
    plain = [part.plain for part in parts]
    return zip(plain[::2], plain[1::2])


_PLAIN: dict[str, Callable[[Any], Any]] = {
    "+": str,
    "-": Error,
    ":": int,
    "$": bytes,
    "*": lambda parts: [part.plain for part in parts],
    "_": lambda _: None,
    ",": float,
    "(": int,
    "#": {"t": True, "f": False}.__getitem__,
    "=": lambda text: text[4:],
    "~": lambda parts: [part.plain for part in parts],
    ">": lambda parts: [part.plain for part in parts],
    "%": lambda parts: dict(_pairs(parts)),
}


class Decoder:
    """Incremental decoder of RESP2 and RESP3 replies."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._at = 0
        self._reading = self._reply()

    def feed(self, data: bytes) -> list[Reply]:
        """Decode received bytes; return the replies that are complete now."""
        self._data += data
        replies = []
        while True:
            try:
                next(self._reading)
            except StopIteration as done:
                replies.append(done.value)
                self._reading = self._reply()
                continue
            if self._at > 65536 or self._at == len(self._data):
                del self._data[: self._at]
                self._at = 0
            return replies

    def _reply(self) -> Generator[None, None, Reply]:
        line = yield from self._line()
        mark, rest = chr(line[0]), line[1:].decode("utf-8", "surrogateescape")
        if mark in "+-:,(#_":
            return Reply(mark, rest)
        length = int(rest)
        if length < 0:
            return Reply(mark, None)
        if mark in "$=":
            return Reply(mark, (yield from self._string(length)))
        if mark not in "*~>%":
            raise ValueError(f"no reply begins with {line!r}")
        parts: list[Reply] = []
        while len(parts) < (2 * length if mark == "%" else length):
            part = yield from self._reply()
            parts.append(part)
        return Reply(mark, parts)

    def _line(self) -> Generator[None, None, bytes]:
        searched = self._at
        while True:
            end = self._data.find(b"\r\n", searched)
            if end >= 0:
                break
            searched = max(self._at, len(self._data) - 1)
            before = self._at
            yield
            searched -= before - self._at
        line = bytes(self._data[self._at : end])
        self._at = end + 2
        return line

    def _string(self, length: int) -> Generator[None, None, bytes]:
        while len(self._data) - self._at < length + 2:
            yield
        end = self._at + length
        text = bytes(self._data[self._at : end])
        if self._data[end : end + 2] != b"\r\n":
            raise ValueError(f"no line end after the string {text!r}")
        self._at = end + 2
        return text


def encode(*argv: Any) -> bytes:
    """The RESP encoding of a command."""
    parts = [part if isinstance(part, bytes) else str(part).encode() for part in argv]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


def read_frame(key: bytes) -> bytes:
    """A READ frame of the binary protocol."""
    return b"\x01" + (1 + len(key)).to_bytes(2, "big") + bytes([len(key)]) + key


def write_frame(key: bytes, value: bytes) -> bytes:
    """A WRITE frame of the binary protocol."""
    body = bytes([len(key)]) + key + bytes([len(value)]) + value
    return b"\x02" + len(body).to_bytes(2, "big") + body


def response_frame(value: bytes) -> bytes:
    """A RESPONSE frame of the binary protocol."""
    return b"\x03" + bytes([len(value)]) + value


def error_frame(message: bytes) -> bytes:
    """An ERROR frame of the binary protocol."""
    return b"\x04" + bytes([len(message)]) + message


def connect(address: str | tuple[str, int], receive_buffer: int = 0) -> socket.socket:
    """
    A connected blocking socket.

    @param address: a path, or a host and a port.
    @param receive_buffer: size of the kernel's receive buffer in bytes; 0 for the default.
    """
    sock = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
    sock.settimeout(PATIENCE)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.connect(address)
    if not isinstance(address, str):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def read_exactly(sock: socket.socket, count: int) -> bytes:
    """
    Read C{count} bytes; fewer if the connection is closed first.
    """
    data = bytearray()
    while len(data) < count:
        piece = sock.recv(min(count - len(data), 1 << 20))
        if not piece:
            break
        data += piece
    return bytes(data)


def read_to_end(sock: socket.socket) -> bytes:
    """Read until EOF; a connection reset also counts as EOF."""
    data = bytearray()
    while True:
        try:
            piece = sock.recv(1 << 20)
        except ConnectionResetError:
            piece = b""
        if not piece:
            return bytes(data)
        data += piece


class Client:
    """A blocking client. C{client("GET", "key")} returns the plain reply."""

    def __init__(self, address: str | tuple[str, int]) -> None:
        self.socket = connect(address)
        self._decoder = Decoder()
        self._replies: list[Reply] = []

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, *argv: Any) -> Any:
        return self.ask(*argv).plain

    def ask(self, *argv: Any) -> Reply:
        """Send a command; return its reply."""
        self.send(encode(*argv))
        return self.reply()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def reply(self) -> Reply:
        """
        The next reply.

        @raise EOFError: if the server closes the connection first.
        """
        while not self._replies:
            data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError("the server has closed the connection")
            self._replies = self._decoder.feed(data)
        return self._replies.pop(0)

    def close(self) -> None:
        self.socket.close()


class TwistedClient(Protocol):
    """
    A client for tests with many connections.

    @ivar gone: fires when the connection is closed.
    """

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._waiting: list[Deferred[Any]] = []
        self.gone: Deferred[None] = Deferred()

    def call(self, *argv: Any) -> Deferred[Any]:
        """Send a command; return a deferred of its plain reply."""
        answer: Deferred[Any] = Deferred()
        self._waiting.append(answer)
        self.transport.write(encode(*argv))
        return answer

    def dataReceived(self, data: bytes) -> None:
        for reply in self._decoder.feed(data):
            self._waiting.pop(0).callback(reply.plain)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Fail the deferreds of commands without a reply."""
        waiting, self._waiting = self._waiting, []
        for answer in waiting:
            answer.errback(reason)
        self.gone.callback(None)
