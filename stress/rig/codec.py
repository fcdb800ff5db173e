"""The two protocols as a client writes and reads them, written here a second time on purpose.

The rig shares no code with the server: a codec used on both sides hides its own faults.

native: the seed's frames. All numbers are big-endian; a key or value has at most 255 bytes.
resp: RESP2, as far as GET and SET need it: https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

READ, WRITE, RESPONSE, ERROR = 1, 2, 3, 4
MOST = 255  # bytes in a key or value of the native frames
LINE = 1024  # bytes in a line of RESP; what goes on without an end is none

_head = struct.Struct(">BHB").pack


class Verdict(Enum):
    """What the beginning of the bytes received is, beside the answer expected."""

    PARTIAL = "not all of it yet"
    RIGHT = "the answer expected"
    WRONG = "another answer"
    ERROR = "an error"
    GARBAGE = "no answer of the protocol"


class Protocol(NamedTuple):
    """Requests, the right answers to them, and how to find the end of any answer."""

    name: str
    read: Callable[[bytes], bytes]  # asks for a key
    write: Callable[[bytes, bytes], bytes]  # stores a value under a key
    value: Callable[[bytes], bytes]  # answers a read
    stored: Callable[[bytes], bytes]  # answers a write of this value
    nothing: bytes  # answers a read of a key that is not there
    end: Callable[[bytes], int]  # the length of the answer at the beginning; 0 not all there; -1 none
    error: int  # the first byte of an error
    most: int  # bytes in a value


# Native


def read_frame(key: bytes) -> bytes:
    """Return the READ frame that asks for `key`."""
    return _head(READ, 1 + len(key), len(key)) + key


def write_frame(key: bytes, value: bytes) -> bytes:
    """Return the WRITE frame that stores `value` under `key`."""
    head = _head(WRITE, 2 + len(key) + len(value), len(key))
    return b"".join((head, key, bytes((len(value),)), value))


def response_frame(value: bytes) -> bytes:
    """Return the RESPONSE frame that carries `value`."""
    return bytes((RESPONSE, len(value))) + value


def frame_end(data: bytes) -> int:
    """Return the length of the answer at the beginning of `data`: 0 if not all of it is there, -1
    if it is none."""
    if data[0] not in (RESPONSE, ERROR):
        return -1
    return 2 + data[1] if len(data) > 1 and len(data) >= 2 + data[1] else 0


NATIVE = Protocol(
    "native", read_frame, write_frame, response_frame, response_frame, response_frame(b""), frame_end, ERROR, MOST
)


# RESP


def words(*given: bytes) -> bytes:
    """Return a command as an array of bulk strings."""
    return b"*%d\r\n" % len(given) + b"".join(map(bulk, given))


def bulk(value: bytes) -> bytes:
    """Return a bulk string."""
    return b"$%d\r\n%b\r\n" % (len(value), value)


def get(key: bytes) -> bytes:
    """Return the command that asks for `key`."""
    return words(b"GET", key)


def set_(key: bytes, value: bytes) -> bytes:
    """Return the command that stores `value` under `key`."""
    return words(b"SET", key, value)


def ok(value: bytes) -> bytes:
    """Return the answer to a SET."""
    return b"+OK\r\n"


def reply_end(data: bytes) -> int:
    """Return the length of the answer at the beginning of `data`, which is no array, as GET and SET
    have none: 0 if not all of it is there, -1 if it is none."""
    line = data.find(b"\r\n")
    if data[0] not in b"+-:$":
        return -1
    if line < 0:
        return 0 if len(data) < LINE else -1
    if data[:1] != b"$" or data[1:line] == b"-1":
        return line + 2
    if not data[1:line].isdigit():
        return -1
    end = line + 2 + int(data[1:line]) + 2
    return end if len(data) >= end else 0


RESP = Protocol("resp", get, set_, bulk, ok, b"$-1\r\n", reply_end, ord("-"), 1 << 20)

PROTOCOLS = {protocol.name: protocol for protocol in (NATIVE, RESP)}


# Any


def judge(protocol: Protocol, data: bytes, expected: bytes) -> tuple[Verdict, int]:
    """Say what the beginning of `data`, which is not empty, is beside the answer `expected`, and how
    many bytes of it are that answer."""
    if data.startswith(expected):
        return Verdict.RIGHT, len(expected)
    end = protocol.end(data)
    if end <= 0:
        return (Verdict.PARTIAL if end == 0 else Verdict.GARBAGE), 0
    return (Verdict.ERROR if data[0] == protocol.error else Verdict.WRONG), end


def difference(answer: bytes, expected: bytes) -> str:
    """Say in words where an answer differs from the one expected."""
    if len(answer) != len(expected):
        return f"an answer of {len(answer)} bytes for one of {len(expected)}: {answer[:16]!r}"
    first = next(at for at, byte in enumerate(answer) if byte != expected[at])
    return f"an answer of {len(answer)} bytes, wrong from byte {first}"
