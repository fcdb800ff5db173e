"""The numbers of the format, how lengths and strings are written, and its checksum."""

from __future__ import annotations

from struct import pack

import crcmod

VERSION = 10
"""What is written, as Redis 7.0 does. C{NEWEST}: what is read, as far as its types are known."""

NEWEST = 12

MAGIC = b"REDIS"

crc64 = crcmod.mkCrcFun(0x1AD93D23594C935A9, initCrc=0, rev=True, xorOut=0)
"""
The checksum of C{bytes}, and of those after others whose checksum is the second argument: CRC-64 with the polynomial of
David T. Jones (redis/src/crc64.c).
"""

# Types of values
STRING, LIST, SET, ZSET, HASH, ZSET_2 = range(6)
HASH_ZIPMAP, LIST_ZIPLIST, SET_INTSET, ZSET_ZIPLIST, HASH_ZIPLIST, LIST_QUICKLIST = range(9, 15)
STREAM_LISTPACKS, HASH_LISTPACK, ZSET_LISTPACK, LIST_QUICKLIST_2, STREAM_LISTPACKS_2 = range(15, 20)
SET_LISTPACK, STREAM_LISTPACKS_3 = range(20, 22)

# What else stands where a type does
FUNCTION_2 = 245
IDLE, FREQUENCY, AUX, RESIZE, EXPIRY_MS, EXPIRY, SELECT, END = range(248, 256)

_SHORT = 1 << 6
_MIDDLE = 1 << 14
_LONG = 1 << 32
_HEADS: list[bytes] = [bytes([size]) for size in range(_SHORT)]
_OPCODES: dict[int, bytes] = {number: bytes([number]) for number in range(256)}


class Corrupt(ValueError):
    """What is read is not of the format, or damaged; the text says what is wrong."""


class TooFewDatabases(Corrupt):
    """What is read is for a database that is not there; the text says which, and the remedy."""


def length(size: int) -> bytes:
    """A length, or any number that is not negative, as it is written."""
    if size < _SHORT:
        return _HEADS[size]
    if size < _MIDDLE:
        return pack(">H", size | 0x4000)
    return b"\x80" + pack(">I", size) if size < _LONG else b"\x81" + pack(">Q", size)


def string(text: bytes) -> bytes:
    """A string as it is written."""
    return length(len(text)) + text


def opcode(number: int) -> bytes:
    """A type, or what stands in its place, as it is written."""
    return _OPCODES[number]


def milliseconds(when: int) -> bytes:
    """A time in milliseconds as it is written."""
    return pack("<q", when)
