"""RESP and the frames of the Go study as a client reads and writes them.

The rig and the tests share no code with the server: a codec used on both sides hides its own faults. This module is
the one second implementation. hiredis would be another, but is an extension for CPython alone.

resp: RESP2 and RESP3, https://redis.io/docs/latest/develop/reference/protocol-spec/
native: the frames of the Go study. All numbers are big-endian; a key or value has at most 255 bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Generator, Iterator, Sequence
from enum import Enum
from typing import Any, BinaryIO, NamedTuple, Union

READ, WRITE, RESPONSE, ERROR = 1, 2, 3, 4
MAX_FRAME_BYTES = 255  # of a key or value of the native frames
MAX_LINE_BYTES = 1024  # of a line of RESP; longer ones count as malformed
COMPACT_BYTES = 65_536  # of consumed input, from which Decoder frees it

_head = struct.Struct(">BHB").pack


# RESP: requests

Word = Union[bytes, str, int, float]


def bulk(value: bytes) -> bytes:
    """Return C{value} as a bulk string."""
    return b"$%d\r\n%b\r\n" % (len(value), value)


def encode(*words: Word) -> bytes:
    """Return a command as an array of bulk strings."""
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(map(bulk, parts))


# RESP: replies


class Error(str):
    """The text of an error reply, its code first."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Error({str(self)!r})"


class Reply(NamedTuple):
    """
    One reply as it was sent.

    @ivar mark: its first byte, which is its type.
    @ivar value: the text of a line, the bytes of a string, the elements of an aggregate (a map's keys and values
        alternate), or None for a null string or array.
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
    """RESP2 and RESP3: bytes in, in pieces of any size, replies out."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._at = 0
        self._reading = self._reply()

    def feed(self, data: bytes) -> list[Reply]:
        """Return the replies that C{data} completes. Raises ValueError for malformed input."""
        self._data += data
        replies = []
        while True:
            try:
                next(self._reading)
            except StopIteration as done:
                replies.append(done.value)
                self._reading = self._reply()
                continue
            if self._at > COMPACT_BYTES or self._at == len(self._data):
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


def skip_reply(file: BinaryIO) -> bytes:
    """Read one RESP2 reply of any size from a blocking file without building its value, so that a measured time is
    the server's. Return its first line without the line end, b"" at EOF; elements that are errors are not reported."""
    line = file.readline()
    if line[:1] == b"$" and line[1:2] != b"-":
        file.read(int(line[1:]) + 2)
    elif line[:1] == b"*":
        for _ in range(int(line[1:])):
            skip_reply(file)
    return line.rstrip()


# Native frames


def read_frame(key: bytes) -> bytes:
    """Return the READ frame that asks for C{key}."""
    return _head(READ, 1 + len(key), len(key)) + key


def write_frame(key: bytes, value: bytes) -> bytes:
    """Return the WRITE frame that stores C{value} under C{key}."""
    head = _head(WRITE, 2 + len(key) + len(value), len(key))
    return b"".join((head, key, bytes((len(value),)), value))


def response_frame(value: bytes) -> bytes:
    """Return the RESPONSE frame that carries C{value}."""
    return bytes((RESPONSE, len(value))) + value


def error_frame(message: bytes) -> bytes:
    """Return the ERROR frame that carries C{message}."""
    return bytes((ERROR, len(message))) + message


# The rig's view of both: requests, expected answers, classification


class AnswerClass(Enum):
    """How received bytes compare with the expected answer."""

    PARTIAL = "incomplete"
    RIGHT = "the expected answer"
    WRONG = "another answer"
    ERROR = "an error"
    MALFORMED = "no answer of the protocol"


class Protocol(NamedTuple):
    """
    A protocol as the workloads use it.

    @ivar read: returns the request for a key's value.
    @ivar write: returns the request that stores a value under a key.
    @ivar value: returns the answer to a read of a key with this value.
    @ivar stored: returns the answer to a write of this value.
    @ivar nothing: the answer to a read of a missing key.
    @ivar end: returns the length of the first answer in the bytes: 0 while it is incomplete, -1 if it is malformed.
    @ivar error: the first byte of an error.
    @ivar max_value: bytes in a value.
    """

    name: str
    read: Callable[[bytes], bytes]
    write: Callable[[bytes, bytes], bytes]
    value: Callable[[bytes], bytes]
    stored: Callable[[bytes], bytes]
    nothing: bytes
    end: Callable[[bytes], int]
    error: int
    max_value: int


def frame_end(data: bytes) -> int:
    """Return the length of the first answer frame in C{data}: 0 while it is incomplete, -1 if it is malformed."""
    if data[0] not in (RESPONSE, ERROR):
        return -1
    return 2 + data[1] if len(data) > 1 and len(data) >= 2 + data[1] else 0


def reply_end(data: bytes) -> int:
    """Return the length of the first reply in C{data}: 0 while it is incomplete, -1 if it is malformed. GET and SET
    are answered without aggregates, which count as malformed."""
    line = data.find(b"\r\n")
    if data[0] not in b"+-:$":
        return -1
    if line < 0:
        return 0 if len(data) < MAX_LINE_BYTES else -1
    if data[:1] != b"$" or data[1:line] == b"-1":
        return line + 2
    if not data[1:line].isdigit():
        return -1
    end = line + 2 + int(data[1:line]) + 2
    return end if len(data) >= end else 0


NATIVE = Protocol(
    name="native",
    read=read_frame,
    write=write_frame,
    value=response_frame,
    stored=response_frame,
    nothing=response_frame(b""),
    end=frame_end,
    error=ERROR,
    max_value=MAX_FRAME_BYTES,
)
RESP = Protocol(
    name="resp",
    read=lambda key: encode(b"GET", key),
    write=lambda key, value: encode(b"SET", key, value),
    value=bulk,
    stored=lambda value: b"+OK\r\n",
    nothing=b"$-1\r\n",
    end=reply_end,
    error=ord("-"),
    max_value=1 << 20,
)

PROTOCOLS = {protocol.name: protocol for protocol in (NATIVE, RESP)}


def classify(protocol: Protocol, data: bytes, expected: bytes) -> tuple[AnswerClass, int]:
    """Compare the beginning of C{data}, which is not empty, with the answer C{expected}; return its class and the
    length of the answer, 0 if there is none."""
    if data.startswith(expected):
        return AnswerClass.RIGHT, len(expected)
    end = protocol.end(data)
    if end <= 0:
        return (AnswerClass.PARTIAL if end == 0 else AnswerClass.MALFORMED), 0
    return (AnswerClass.ERROR if data[0] == protocol.error else AnswerClass.WRONG), end


def difference(answer: bytes, expected: bytes) -> str:
    """Return in words where an answer differs from the expected one."""
    if len(answer) != len(expected):
        return f"an answer of {len(answer)} bytes for one of {len(expected)}: {answer[:16]!r}"
    first = next(at for at, byte in enumerate(answer) if byte != expected[at])
    return f"an answer of {len(answer)} bytes, wrong from byte {first}"
