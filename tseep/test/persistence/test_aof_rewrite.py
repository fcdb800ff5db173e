"""Tests for L{tseep.persistence.aof_rewrite}: the data set as commands."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from tseep.persistence.aof_loader import Loader
from tseep.persistence.aof_rewrite import ITEMS_PER_COMMAND, as_commands
from tseep.server.server import Server
from tseep.test.support import SessionTests, made_folder

KEYS = [b"s", b"l", b"set", b"h", b"z", b"stream", b"gone", b"float"]


class AsCommandsTests(SessionTests):
    def written(self) -> bytes:
        return b"".join(as_commands(self.server, lambda: self.keys.append(1)))

    def setUp(self) -> None:
        super().setUp()
        self.keys: list[int] = []

    def dumped(self) -> list[object]:
        """All keys with their values and expiry times. Commands do not record when a consumer was seen last."""
        for group in self.server.keyspace.databases[0].values[b"stream"].groups.values():
            for consumer in group.consumers.values():
                consumer.seen = 0
        return [[key, self.run_command("DUMP", key), self.run_command("PEXPIRETIME", key)] for key in KEYS]

    def test_round_trip(self) -> None:
        """The commands create the same values, expiry times, groups with pending entries, and libraries."""
        run = self.run_command
        run("FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() return 1 end)")
        run("SET", "s", b"\r\n\0", "PXAT", 9_000_000_000_000)
        run("RPUSH", "l", *range(200))
        run("SADD", "set", *range(3))
        run("HSET", "h", *range(400))
        run("ZADD", "z", "-inf", "a", "0.1", "b", "1e300", "c")
        run("APPEND", "float", "1")
        for number in range(1, 4):
            run("XADD", "stream", f"{number}-0", "f", number)
        run("XDEL", "stream", "3-0")
        run("XGROUP", "CREATE", "stream", "g", "0")
        run("XGROUP", "CREATE", "stream", "unknown", "1-0")
        run("XREADGROUP", "GROUP", "g", "me", "COUNT", 1, "STREAMS", "stream", ">")
        run("XREADGROUP", "GROUP", "g", "you", "COUNT", 1, "STREAMS", "stream", ">")
        run("XGROUP", "CREATECONSUMER", "stream", "g", "idle")
        run("XADD", "gone", "5-5", "a", "b")
        run("XDEL", "gone", "5-5")
        run("SELECT", 3)
        run("SET", "elsewhere", 1)
        run("SELECT", 0)
        data, before = self.written(), self.dumped()
        self.assertEqual(9, len(self.keys))
        path = Path(made_folder(self), "base.aof")
        path.write_bytes(data)
        self.server = Server(None, self.clock.seconds, self.look_at_timer)
        self.session = self.connect()
        deque(Loader(self.server).load_log(path), 0)
        self.assertEqual(before, self.dumped())
        self.assertReply(1, "FCALL", "f", 0)
        self.assertReply("OK", "SELECT", 3)
        self.assertReply(b"1", "GET", "elsewhere")

    def test_long_values(self) -> None:
        """A command adds at most C{ITEMS_PER_COMMAND} elements."""
        self.run_command("RPUSH", "l", *range(2 * ITEMS_PER_COMMAND + 1))
        self.run_command("HSET", "h", *range(4 * ITEMS_PER_COMMAND))
        data = self.written()
        self.assertEqual((3, 2), (data.count(b"RPUSH"), data.count(b"HSET")))
        self.assertIn(b"*%d\r\n$5\r\nRPUSH" % (2 + ITEMS_PER_COMMAND), data)
