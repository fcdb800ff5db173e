"""Tests for L{tseep.propagation.recording} and L{tseep.propagation.effects}."""

from __future__ import annotations

from typing import Any

from tseep.errors import CommandError
from tseep.propagation.effects import Argv, Effects
from tseep.test.support import START, SessionTests

NOW = START * 1000


class RecordingTests(SessionTests):
    """Commands are propagated as deterministic effects."""

    def setUp(self) -> None:
        super().setUp()
        self.recorded: list[tuple[int, Effects]] = []
        self.server.persistence.recording.begin(lambda number, commands: self.recorded.append((number, commands)))
        self.server.persistence._running = True
        self.server.config.set("save", "1 1")
        self.server.changes.update()

    def assertRecorded(self, *lines: str) -> None:
        """Assert that exactly these commands were recorded since the last call, in this order."""
        found = [b" ".join(argv).decode() for _, commands in self.recorded for argv in commands]
        self.assertEqual(list(lines), found)
        self.recorded.clear()

    def play(self, *lines: str, session: Any = None) -> None:
        """Run commands, each given as a line."""
        for line in lines:
            self.send(*line.split(), session=session)

    def test_unmodified(self) -> None:
        """A command that changes data is recorded unmodified; a read is not recorded."""
        self.play("SET a 1", "incr a", "GET a", "DEL nosuch", "LPUSH a x", "RPUSH l a b", "LREM l 0 z")
        self.assertRecorded("SET a 1", "incr a", "RPUSH l a b")

    def test_times(self) -> None:
        """Times to live become absolute; conditions (NX, XX, GT) are omitted once they are met."""
        self.play("SET a 1 EX 10 NX", "SET b 1 XX", "SETEX c 10 v", "EXPIRE c 20", "EXPIRE c 5 GT", "GETEX c PERSIST")
        self.assertRecorded(
            f"SET a 1 PXAT {NOW + 10000}", f"SET c v PXAT {NOW + 10000}", f"PEXPIREAT c {NOW + 20000}", "PERSIST c"
        )
        self.play("SET a 2 KEEPTTL", "EXPIRE a -1", "SET d 1", "GETEX d PXAT 5", "GETDEL d")
        self.assertRecorded(f"SET a 2 PXAT {NOW + 10000}", "DEL a", "SET d 1", "DEL d")

    def test_restore(self) -> None:
        """RESTORE is recorded with an absolute time to live, if it has one, and with its own options."""
        self.play("SET a 1")
        payload = self.run_command("DUMP", "a")
        self.recorded.clear()
        self.send("RESTORE", "b", 0, payload)
        self.send("RESTORE", "b", 10000, payload, "REPLACE")
        self.send("RESTORE", "c", NOW + 5000, payload, "ABSTTL", "IDLETIME", 1)
        found = [[word for word in argv if word != payload] for _, commands in self.recorded for argv in commands]
        self.assertEqual(
            [
                [b"RESTORE", b"b", b"0"],
                [b"RESTORE", b"b", b"%d" % (NOW + 10000), b"REPLACE", b"ABSTTL"],
                [b"RESTORE", b"c", b"%d" % (NOW + 5000), b"ABSTTL", b"IDLETIME", b"1"],
            ],
            found,
        )

    def test_expired(self) -> None:
        """An expired key is recorded as DEL before the command that found it expired."""
        self.play("SET a 1 PX 10", "SET b 1 PX 10", "SET c 1 PX 10")
        self.recorded.clear()
        self.advance(1)
        self.play("GET a", "APPEND b x")
        self.server.cron.run()
        self.advance(2)
        self.server.cron.run()
        self.assertRecorded("DEL a", "DEL b", "APPEND b x", "DEL c")

    def test_numbers(self) -> None:
        """INCRBYFLOAT and HINCRBYFLOAT are recorded as their result."""
        self.play("INCRBYFLOAT a 0.1", "HINCRBYFLOAT h f 0.5")
        self.assertRecorded("SET a 0.1", "HSET h f 0.5")

    def test_pfcount(self) -> None:
        """PFCOUNT is recorded only when it updates the cached cardinality."""
        self.play("PFADD h a b", "PFCOUNT h", "PFCOUNT h")
        self.assertRecorded("PFADD h a b", "PFCOUNT h")

    def test_spop(self) -> None:
        """SPOP is recorded as SREM or DEL of the elements chosen."""
        self.play("SADD s a")
        self.send("SADD", "t", *range(20))
        self.recorded.clear()
        self.play("SPOP s")
        self.assertRecorded("DEL s")
        self.play("SPOP t 5")
        ((_, (argv,)),) = self.recorded
        self.assertEqual(([b"SREM", b"t"], 7), (argv[:2], len(argv)))

    def test_blocked(self) -> None:
        """A blocked command is recorded as its non-blocking form after the command that served it."""
        for waits, serves, taken in (
            ("BLPOP l 0", "RPUSH l a b", "LPOP l"),
            ("BRPOP m 0", "RPUSH m a b", "RPOP m"),
            ("BLMOVE n o LEFT RIGHT 0", "RPUSH n a b", "LMOVE n o LEFT RIGHT"),
            ("BRPOPLPUSH p o 0", "RPUSH p a b", "RPOPLPUSH p o"),
            ("BLMPOP 0 2 q r RIGHT COUNT 5", "RPUSH r a b", "LMPOP 1 r RIGHT COUNT 2"),
            ("BZPOPMIN z 0", "ZADD z 1 a 2 b", "ZREM z a"),
            ("BZMPOP 0 1 y MAX COUNT 2", "ZADD y 1 a 2 b 3 c", "ZREM y c b"),
        ):
            self.play(waits, session=self.connect())
            self.assertRecorded()
            self.play(serves)
            self.assertRecorded(serves, taken)

    def test_streams(self) -> None:
        """Stream IDs are explicit, trimming is exact, and group reads are recorded as XCLAIM and XGROUP SETID."""
        self.play("XADD s * f v", "XADD s MAXLEN ~ 100 * f w", "XTRIM s MAXLEN 1")
        first, second = f"{NOW}-0", f"{NOW}-1"
        self.assertRecorded(
            f"XADD s {first} f v", f"XADD s {second} f w", f"XTRIM s MINID {first}", f"XTRIM s MINID {second}"
        )
        self.play("XGROUP CREATE s g 0", "XREADGROUP GROUP g me STREAMS s >")
        state = f"TIME {NOW} RETRYCOUNT 1 FORCE JUSTID"
        last = f"XGROUP SETID s g {second} ENTRIESREAD 2"
        self.assertRecorded("XGROUP CREATE s g 0", f"XCLAIM s g me 0 {second} {state}", last)
        self.play("XREADGROUP GROUP g you STREAMS s >", "XREADGROUP GROUP g you STREAMS s 0")
        self.assertRecorded("XGROUP CREATECONSUMER s g you", last)
        self.play(f"XCLAIM s g you 0 {second} JUSTID", f"XACK s g {second} 1-1", "XACK s g 1-1")
        self.assertRecorded(f"XCLAIM s g you 0 {second} {state}", f"XACK s g {second} 1-1")

    def test_transaction(self) -> None:
        """A transaction is recorded as one unit, with its SELECTs; one that only reads is not recorded."""
        self.play("MULTI", "SET a 1", "GET a", "SELECT 1", "SET b 2", "EXEC", "MULTI", "GET a", "EXEC", "SET c 3")
        self.assertEqual([0, 1, 1], [number for number, _ in self.recorded])
        self.assertRecorded("SET a 1", "SELECT 1", "SET b 2", "SET c 3")

    def test_script_in_a_transaction(self) -> None:
        """A script in a transaction is recorded as a part of it."""
        self.play("MULTI", "SET a 1")
        self.run_command("EVAL", "redis.call('SET', 'b', 2) redis.call('INCR', 'b')", 0)
        self.play("SET c 3", "EXEC")
        self.assertEqual(1, len(self.recorded))
        self.assertRecorded("SET a 1", "SET b 2", "INCR b", "SET c 3")

    def test_errors(self) -> None:
        """A failed command is not recorded."""
        self.play("SET a x", "INCR a", "LPUSH a 1", "SET a", "NOSUCH")
        self.assertRecorded("SET a x")

    def test_failure_after_a_change(self) -> None:
        """A command that fails after a change is not recorded, as its replay would fail; a rewrite is scheduled."""
        lines: list[str] = []
        self.server.host.log = lambda level, text: lines.append(text)

        def half(session: Any, argv: Argv) -> Any:
            session.db.set(argv[1], b"half")
            raise CommandError("ERR in the middle")

        run = self.server.persistence.recording.wrap(self.server.table.commands[b"set"], half)
        self.assertRaises(CommandError, run, self.session, [b"SET", b"a", b"1"])
        self.assertRecorded()
        self.assertEqual(["set failed after it had changed something; the append-only file will be rewritten"], lines)
        self.assertTrue(self.server.persistence.log.scheduled)

    def test_end(self) -> None:
        """After C{end} commands are no longer wrapped."""
        run = self.server.table.commands[b"set"].run
        self.server.persistence.recording.end()
        self.assertIsNot(run, self.server.table.commands[b"set"].run)
        self.play("SET a 1")
        self.assertRecorded()

    def test_dirty(self) -> None:
        """C{dirty} counts changes as C{rdb_changes_since_last_save} of Redis does."""
        self.play("MSET a 1 b 2", "GET a", "DEL a b c", "FLUSHDB")
        self.assertEqual(4, self.server.persistence.recording.dirty)
