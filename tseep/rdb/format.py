"""RDB's constants, encoders of lengths and strings, and the checksum."""

from __future__ import annotations

from struct import pack

import crcmod

VERSION = 10
"""The version that is written, Redis 7.0's. C{NEWEST} is the newest version that is read, if its types are known."""

NEWEST = 12

MAGIC = b"REDIS"

crc64 = crcmod.mkCrcFun(0x1AD93D23594C935A9, initCrc=0, rev=True, xorOut=0)
"""
CRC-64 of C{bytes} with the polynomial of David T. Jones (redis/src/crc64.c); the second argument is the checksum of the
bytes before them.
"""

# Types of values
STRING, LIST, SET, ZSET, HASH, ZSET_2 = range(6)
HASH_ZIPMAP, LIST_ZIPLIST, SET_INTSET, ZSET_ZIPLIST, HASH_ZIPLIST, LIST_QUICKLIST = range(9, 15)
STREAM_LISTPACKS, HASH_LISTPACK, ZSET_LISTPACK, LIST_QUICKLIST_2, STREAM_LISTPACKS_2 = range(15, 20)
SET_LISTPACK, STREAM_LISTPACKS_3 = range(20, 22)

# Opcodes, in the place of a type
FUNCTION_2 = 245
IDLE, FREQUENCY, AUX, RESIZE, EXPIRY_MS, EXPIRY, SELECT, END = range(248, 256)

_SHORT = 1 << 6
_MIDDLE = 1 << 14
_LONG = 1 << 32
_HEADS: list[bytes] = [bytes([size]) for size in range(_SHORT)]
_OPCODES: dict[int, bytes] = {number: bytes([number]) for number in range(256)}


class Corrupt(ValueError):
    """The data are damaged or not RDB; the text has the reason."""


class EmptyValue(Corrupt):
    """A value has no elements. It is read to its end: a key with it can be skipped."""


class TooFewDatabases(Corrupt):
    """The data are for a database that does not exist; the text has its number and the remedy."""


def length(size: int) -> bytes:
    """Encode a length or another non-negative integer."""
    if size < _SHORT:
        return _HEADS[size]
    if size < _MIDDLE:
        return pack(">H", size | 0x4000)
    return b"\x80" + pack(">I", size) if size < _LONG else b"\x81" + pack(">Q", size)


def string(text: bytes) -> bytes:
    """Encode a string, without compression."""
    return length(len(text)) + text


def opcode(number: int) -> bytes:
    """Encode a type or an opcode."""
    return _OPCODES[number]


def milliseconds(when: int) -> bytes:
    """Encode a time in milliseconds."""
    return pack("<q", when)
