"""Tests for L{tseep.rdb.snapshot}: writing and loading of RDB files."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tseep.datatypes.list import RedisList
from tseep.keyspace.keyspace import Keyspace
from tseep.rdb.format import Corrupt, crc64
from tseep.rdb.snapshot import LARGE, Loading, write
from tseep.test.properties import given, settings, st

NOW = 1_000_000

OPCODES = [*range(22), *range(245, 256)]
"""Opcodes of types and of other records."""


class SnapshotTests(SynchronousTestCase):
    def keyspace(self) -> Keyspace:
        return Keyspace(4, lambda: NOW / 1000)

    def filled(self) -> Keyspace:
        """Return a keyspace with keys in two databases, one of them expired."""
        keyspace = self.keyspace()
        keyspace.databases[0].set(b"a", b"1")
        keyspace.databases[0].set(b"over", b"x")
        keyspace.databases[0].expire_at(b"over", NOW - 1)
        keyspace.databases[3].set(b"l", RedisList([b"x"]))
        keyspace.databases[3].expire_at(b"l", NOW + 5000)
        return keyspace

    def load(self, data: bytes, now: int = 0) -> Any:
        """Load a snapshot; return the keyspace, the libraries and the L{Loading}."""
        keyspace, libraries = self.keyspace(), []  # type: ignore[var-annotated]
        loading = Loading(keyspace, libraries.append, now)
        self.assertEqual(len(data), list(loading.load(data))[-1])
        return keyspace, libraries, loading

    def test_checksum(self) -> None:
        """C{crc64} returns the check value of Redis's CRC-64 (Jones) for C{123456789}."""
        self.assertEqual(0xE9C6D914C4B8D9CA, crc64(b"123456789"))

    def test_round_trip(self) -> None:
        """Keys, values, expiry times, libraries and auxiliary fields are loaded as written."""
        data = b"".join(write(self.filled(), [b"code"], {b"redis-ver": b"7.0.15"}))
        keyspace, libraries, loading = self.load(data)
        self.assertEqual({b"a": b"1", b"over": b"x"}, keyspace.databases[0].values)
        self.assertEqual({b"over": NOW - 1}, keyspace.databases[0].expires)
        self.assertEqual([b"x"], list(keyspace.databases[3].values[b"l"]))
        self.assertEqual({b"l": NOW + 5000}, keyspace.databases[3].expires)
        self.assertEqual(([b"code"], {b"redis-ver": b"7.0.15"}), (libraries, loading.about))

    def test_expired(self) -> None:
        """If C{now} is given, keys that have expired by then are not loaded."""
        keyspace, _, loading = self.load(b"".join(write(self.filled(), [], {})), NOW)
        self.assertEqual([b"a"], list(keyspace.databases[0].values))
        self.assertEqual((3, 1), (loading.keys, loading.expired))

    def test_redis_records(self) -> None:
        """Redis's expiry times in seconds, idle times and access frequencies are loaded."""
        body = b"REDIS0009\xfe\x01\xf8\x0a\xfc" + (NOW * 2).to_bytes(8, "little") + b"\0\x01a\x01b"
        body += b"\xf9\x05\xfd" + (2000).to_bytes(4, "little") + b"\0\x01c\x01d\xff"
        keyspace, _, _ = self.load(body + crc64(body).to_bytes(8, "little"))
        db = keyspace.databases[1]
        self.assertEqual({b"a": NOW * 2, b"c": 2_000_000}, db.expires)
        self.assertEqual(10, db.idle(b"a"))

    def test_no_checksum(self) -> None:
        """A checksum of zero is not verified, as with Redis's C{rdbchecksum no}."""
        self.load(b"REDIS0010\xff" + bytes(8))

    def test_progress(self) -> None:
        """A load pauses after the first key that ends C{interval} bytes after the last pause."""
        keyspace = self.keyspace()
        for number in range(2500):
            keyspace.databases[0].set(b"%d" % number, b"")
        data = b"".join(write(keyspace, [], {}))
        loading = Loading(self.keyspace(), lambda code: None)
        loading.interval = len(data) // 3
        told = list(loading.load(data))
        self.assertEqual(sorted(told), told)
        self.assertLess(told[0], loading.interval + 30)
        self.assertEqual([len(data) - 8, len(data)], told[-2:])  # while the checksum is compared, and after it

    def test_large_values(self) -> None:
        """A large value is written in a piece of its own; others are grouped by their total size."""
        keyspace = self.keyspace()
        sizes = [10, LARGE + 1, 20, *[LARGE // 4] * 9, 30]
        for number, size in enumerate(sizes):
            keyspace.databases[0].set(b"%d" % number, b"x" * size)
        pieces = list(write(keyspace, [], {}))
        self.assertLess(max(map(len, pieces)), 1.3 * LARGE)
        self.assertEqual(1, sum(piece.endswith(b"x" * (LARGE + 1)) for piece in pieces))
        loaded, _, _ = self.load(b"".join(pieces))
        self.assertEqual(sizes, [len(value) for value in loaded.databases[0].values.values()])

    def test_damaged(self) -> None:
        """A snapshot that is truncated, or has any bit changed, is refused."""
        data = b"".join(write(self.filled(), [], {b"a": b"b"}))
        for end in range(len(data)):
            self.assertRaises(Corrupt, self.load, data[:end])
        for at in range(len(data) - 8):
            damaged = bytearray(data)
            damaged[at] ^= 4
            self.assertRaises(Corrupt, self.load, bytes(damaged))

    @settings(deadline=None, derandomize=True, database=None, max_examples=500)
    @given(
        st.lists(st.tuples(st.integers(9, 90), st.one_of(st.integers(0, 255), st.sampled_from(OPCODES))), max_size=6)
    )
    def test_changed_bytes(self, faults: list[tuple[int, int]]) -> None:
        """Content changed anywhere, without a checksum, is loaded or refused; expiry times stay consistent."""
        damaged = bytearray(b"".join(write(self.filled(), [b"code"], {b"a": b"b"}))[:-8])
        for at, byte in faults:
            damaged[at % len(damaged)] = byte
        keyspace = self.keyspace()
        try:
            list(Loading(keyspace, lambda code: None).load(bytes(damaged) + bytes(8)))
        except Corrupt:
            return
        for database in keyspace.databases:
            self.assertEqual(set(), set(database.expires) - set(database.values))

    def test_invalid(self) -> None:
        """Another version, an unknown opcode, a duplicate key and a missing database are refused."""
        cases = (
            (b"REDIS0099\xff", "version 99"),
            (b"NOTREDIS0\xff", "not an RDB file"),
            (b"REDIS0010\xf7\xff" + bytes(8), "247"),
            (b"REDIS0010\xfe\x09\xff" + bytes(8), "--databases"),
            (b"REDIS0010\0\x01a\x01b\0\x01a\x01b\xff" + bytes(8), "twice"),
        )
        for data, word in cases:
            self.assertIn(word, str(self.assertRaises(Corrupt, self.load, data)))
