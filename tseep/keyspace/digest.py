"""
DEBUG DIGEST and DEBUG DIGEST-VALUE: signatures of keys that two servers with the same data share (redis/src/debug.c).

A digest is an integer of 160 bits. Parts without an order are combined by XOR; in a sequence, each part changes the
SHA1 of the digest so far.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from hashlib import sha1
from operator import xor
from typing import Any

from tseep.datatypes.collection import type_name
from tseep.datatypes.hash import Hash
from tseep.datatypes.list import RedisList
from tseep.datatypes.set import Set
from tseep.datatypes.sorted_set import SortedSet
from tseep.datatypes.stream import Stream
from tseep.datatypes.stream_entries import SEQUENCE
from tseep.keyspace.database import Database
from tseep.keyspace.keyspace import Keyspace

_TYPES = {b"string": 0, b"list": 1, b"set": 2, b"zset": 3, b"hash": 4, b"stream": 6}
"""Redis's numbers of the types (redis/src/server.h)."""


def of_dataset(keyspace: Keyspace) -> bytes:
    """Return the digest of all keys in hexadecimal, expired ones included."""
    digest = 0
    for database in keyspace.databases:
        if database:
            digest = _mix(digest, database.number.to_bytes(4, "big"))
            for key, value in database.values.items():
                digest ^= _sha1(_octets(_value(database, key, value, _mix(0, key))))
    return b"%040x" % digest


def of_value(database: Database, key: bytes) -> bytes:
    """Return the digest of a key's value in hexadecimal, also if the key has expired; zeros if there is no key."""
    value = database.values.get(key)
    return b"%040x" % (0 if value is None else _value(database, key, value, 0))


def _value(database: Database, key: bytes, value: Any, digest: int) -> int:
    """Add a value, and whether it has an expiry, to a digest."""
    digest = _content(value, _mix(digest, _TYPES[type_name(value)].to_bytes(4, "big")))
    return digest ^ _sha1(b"!!expire!!") if key in database.expires else digest


def _content(value: Any, digest: int) -> int:
    if isinstance(value, RedisList):
        return reduce(_mix, value, digest)
    if isinstance(value, Set):
        return reduce(xor, map(_sha1, value.members), digest)
    if isinstance(value, SortedSet):
        return _pairs(digest, ((member, b"%.17g" % score) for member, score in value.scores.items()))
    if isinstance(value, Hash):
        return _pairs(digest, value.items())
    if isinstance(value, Stream):
        for id, fields in value.entries:
            digest = reduce(_mix, fields, _mix(digest, b"%d.%d" % (id >> 64, id & SEQUENCE)))
        return digest
    return _mix(digest, value)


def _pairs(digest: int, pairs: Iterable[tuple[bytes, bytes]]) -> int:
    for first, second in pairs:
        digest ^= _sha1(_octets(_mix(_mix(0, first), second)))
    return digest


def _mix(digest: int, data: bytes) -> int:
    """Add the next part of a sequence to a digest."""
    return _sha1(_octets(digest ^ _sha1(data)))


def _sha1(data: bytes) -> int:
    return int.from_bytes(sha1(data, usedforsecurity=False).digest(), "big")


def _octets(digest: int) -> bytes:
    return digest.to_bytes(20, "big")
