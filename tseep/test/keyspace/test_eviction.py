"""Tests for L{tseep.keyspace.eviction}: memory accounting and the policies of C{maxmemory-policy}."""

from __future__ import annotations

import random
from itertools import count
from typing import Any, ClassVar

from tseep.keyspace import eviction
from tseep.test.support import Error, SessionTests

OOM = Error("OOM command not allowed when used memory > 'maxmemory'.")
VALUE = "x" * 1000


class EvictionTests(SessionTests):
    config: ClassVar[dict[str, str]] = {"maxmemory": "1000kb", "notify_keyspace_events": "Ee"}

    def setUp(self) -> None:
        super().setUp()
        self.patch(eviction, "random", random.Random(1))

    def policy(self, name: str) -> None:
        self.assertReply("OK", "CONFIG", "SET", "maxmemory-policy", name)

    def fill(self, count: int = 2000, *options: Any) -> None:
        for number in range(count):
            self.run_command("SET", number, VALUE, *options)

    def keys(self) -> list[int]:
        return sorted(map(int, self.run_command("KEYS", "*")))

    @property
    def used(self) -> int:
        return self.server.eviction.used

    def test_counts(self) -> None:
        """The accounted memory follows the sizes of the keys, and falls back when they are deleted or flushed."""
        self.run_command("CONFIG", "SET", "maxmemory", "100mb")
        begin = self.used
        for way in ("DEL a b l", "FLUSHALL", "FLUSHDB ASYNC"):
            self.run_command("SET", "a", VALUE)
            one = self.used
            self.run_command("APPEND", "a", VALUE)
            self.assertTrue(900 <= self.used - one <= 1300, self.used - one)
            self.run_command("SET", "b", 1, "EX", 5)
            self.run_command("RPUSH", "l", *range(1000))
            self.assertGreater(self.used, one + 10_000)
            self.run_command("SWAPDB", 0, 1)
            self.run_command("SWAPDB", 0, 1)
            self.run_command(*way.split())
            self.server.eviction.update()
            self.assertTrue(self.used - begin < 1500, (way, self.used, begin))

    def test_counts_at_once(self) -> None:
        """Expiry times and grown dictionaries count with the command that adds them, not with the next cron."""
        self.run_command("CONFIG", "SET", "maxmemory", "100mb")
        for number in range(5000):
            self.run_command("SETEX", f"key:{number}", 1000, "x")
        used = self.used
        self.server.eviction.update()
        self.assertTrue(abs(self.used - used) < 4096, (used, self.used))

    def test_noeviction(self) -> None:
        """With C{noeviction}, commands flagged C{denyoom} get OOM; reads and DEL are executed."""
        for number in range(2000):
            reply = self.run_command("SET", number, VALUE)
            if reply != "OK":
                break
        self.assertEqual(OOM, reply)
        self.assertTrue(800 < number < 1000, number)
        self.assertReply(VALUE.encode(), "GET", 0)
        for command in ("APPEND 0 x", "LPUSH l x", "INCR n", "SETEX k 1 v", "EVAL return(redis.call('SET','a','1')) 0"):
            self.assertIn("OOM", str(self.run_command(*command.split())), command)
        self.assertReply(3, "DEL", 0, 1, 2)
        self.assertReply("OK", "SET", "new", "x")

    def test_transactions(self) -> None:
        """A queued command that gets OOM aborts EXEC; EXEC above the limit replies EXECABORT."""
        self.fill()
        self.run_command("MULTI")
        self.assertReply(OOM, "SET", "a", VALUE)
        self.assertIn("EXECABORT", str(self.run_command("EXEC")))
        self.run_command("DEL", *range(500))
        self.run_command("MULTI")
        self.run_command("SET", "a", VALUE)
        self.fill_as_another()
        self.assertEqual(Error(f"EXECABORT Transaction discarded because of: {OOM}"), self.run_command("EXEC"))

    def fill_as_another(self) -> None:
        other = self.connect()
        for number in range(2000):
            self.run_command("SET", number, VALUE, session=other)

    def test_scripts(self) -> None:
        """A script started above the limit cannot write unless it has the flag C{allow-oom}."""
        self.fill()
        self.assertIn("OOM", str(self.run_command("EVAL", "return redis.call('SET', 'a', 1)", 0)))
        self.assertReply(VALUE.encode(), "EVAL", "return redis.call('GET', '1')", 0)
        self.assertReply(1, "EVAL", "return redis.call('DEL', '1')", 0)
        self.fill()
        self.assertReply("OK", "EVAL", "#!lua flags=allow-oom\nreturn redis.call('SET', 'a', 1)", 0)

    def test_lru(self) -> None:
        """C{allkeys-lru} evicts mostly the least recently used keys, each with an C{evicted} event, and counts them."""
        self.policy("allkeys-lru")
        listener = self.connect()
        self.send("SUBSCRIBE", "__keyevent@0__:evicted", session=listener)
        self.fill(600)
        self.pass_time(100)
        for number in range(0, 600, 2):
            self.run_command("GET", number)
        self.pass_time(100)
        for number in range(600, 1000):
            self.assertReply("OK", "SET", number, VALUE)
        left = self.keys()
        self.assert_mostly_odd(left)
        self.assertEqual(400, len([n for n in left if n >= 600]))
        self.assertLess(self.used, 1000 * 1024 + 2000)  # the limit is checked before each command
        self.assertEqual(1000 - len(left), self.server.keyspace.evicted)
        self.assertEqual(1000 - len(left), len(self.sent(listener)))

    def test_lfu(self) -> None:
        """C{allkeys-lfu} evicts mostly the least frequently used keys."""
        self.policy("allkeys-lfu")
        self.fill(600)
        for _ in range(30):
            for number in range(0, 600, 2):
                self.run_command("GET", number)
        for number in range(600, 1000):
            self.run_command("SET", number, VALUE)
        self.assert_mostly_odd(self.keys())

    def assert_mostly_odd(self, left: list[int]) -> None:
        """Assert that of the first 600 keys less than 5 % of the evicted ones are even."""
        gone = set(range(600)) - set(left)
        self.assertGreater(len(gone), 50)
        self.assertLess(len([number for number in gone if not number % 2]), len(gone) / 20)

    def test_random(self) -> None:
        """C{allkeys-random} evicts keys of any age."""
        self.policy("allkeys-random")
        self.fill(2000)
        left = self.keys()
        self.assertTrue(700 < len(left) < 1000)
        self.assertTrue(any(n < 1000 for n in left))

    def test_ttl(self) -> None:
        """C{volatile-ttl} evicts the keys with the shortest time to live; keys without one stay."""
        self.policy("volatile-ttl")
        self.fill(300)
        for number in range(1000, 2000):
            self.assertReply("OK", "SET", number, VALUE, "EX", number)
        left = self.keys()
        self.assertEqual(list(range(300)), [n for n in left if n < 1000])
        late = [n for n in left if n >= 1500]
        self.assertGreater(len(late), len([n for n in left if 1000 <= n < 1500]))

    def test_volatile(self) -> None:
        """A volatile policy evicts only keys with a time to live; when none is left, writes get OOM."""
        for name in ("volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"):
            self.run_command("FLUSHALL")
            self.policy(name)
            self.fill(300, "EX", 1000)
            for number in range(1000, 3000):
                reply = self.run_command("SET", number, VALUE)
                if reply == OOM:
                    break
            self.assertEqual(OOM, reply, name)
            self.assertTrue(all(n >= 1000 for n in self.keys()), name)

    def test_lowered(self) -> None:
        """After C{maxmemory} is lowered keys are evicted in steps, between which clients are served."""
        self.run_command("CONFIG", "SET", "maxmemory", "100mb")
        self.fill(3000)
        self.policy("allkeys-random")
        self.patch(eviction, "TIME_BUDGET_NS", 0)
        self.run_command("CONFIG", "SET", "maxmemory", "500kb")
        self.assertTrue(2990 < len(self.keys()) < 3000)
        for _ in range(4000):
            self.advance(0.002)
        self.assertLessEqual(self.used, 500 * 1024)

    def test_tenacity(self) -> None:
        """maxmemory-eviction-tenacity sets how many keys are evicted before a command."""
        self.policy("allkeys-random")
        left = []
        for tenacity in (1, 10, 20, 100):
            self.run_command("CONFIG", "SET", "maxmemory", "100mb")
            self.fill(3000)
            self.run_command("CONFIG", "SET", "maxmemory-eviction-tenacity", tenacity)
            self.server.timer = count(0, 20_000).__next__
            self.run_command("CONFIG", "SET", "maxmemory", "500kb")
            self.server.timer = self.look_at_timer
            left.append(len(self.keys()))
        self.assertTrue(3000 > left[0] > left[1] > left[2] > left[3], left)

    def test_lazy(self) -> None:
        """Evicted values are freed in the background with lazyfree-lazy-eviction only; expired ones likewise."""
        self.run_command("CONFIG", "SET", "maxmemory", "100mb")
        for lazy, pending in (("no", 0), ("yes", 1)):
            self.run_command("CONFIG", "SET", "lazyfree-lazy-eviction", lazy, "lazyfree-lazy-expire", lazy)
            self.run_command("SADD", "set", *range(1000))
            self.policy("allkeys-random")
            self.run_command("CONFIG", "SET", "maxmemory", 1)
            self.assertEqual((0, pending), (len(self.keys()), len(self.server.lazyfree)))
            self.run_command("CONFIG", "SET", "maxmemory", "100mb")
            self.run_command("SADD", "set", *range(1000))
            self.run_command("PEXPIRE", "set", 1)
            self.pass_time(1)
            self.run_command("GET", "set")
            self.assertEqual(2 * pending, len(self.server.lazyfree))

    def test_switched_off(self) -> None:
        """With C{maxmemory} 0 nothing is accounted and commands are not wrapped."""
        self.run_command("CONFIG", "SET", "maxmemory", 0)
        self.assertEqual(0, self.used)
        self.fill(2000)
        self.assertEqual((0, 2000), (self.used, len(self.keys())))
        self.assertIs(self.server.table.commands[b"set"].run, self.server.table.dispatch[b"SET"].run)
        self.run_command("CONFIG", "SET", "maxmemory", "100mb")
        self.assertGreater(self.used, 2_000_000)

    def test_object(self) -> None:
        """OBJECT IDLETIME and FREQ return the value that the policy uses, or Redis's error for the other policy."""
        self.run_command("SET", "a", 1)
        self.pass_time(10)
        self.assertReply(10, "OBJECT", "IDLETIME", "a")
        self.assertIn("LFU maxmemory policy is not selected", str(self.run_command("OBJECT", "FREQ", "a")))
        self.policy("allkeys-lfu")
        self.assertReply(5, "OBJECT", "FREQ", "a")
        self.assertIn("LFU maxmemory policy is selected", str(self.run_command("OBJECT", "IDLETIME", "a")))
        self.policy("noeviction")
        self.assertReply(0, "OBJECT", "IDLETIME", "a")

    def test_native(self) -> None:
        """WRITE of the Go study's binary frames gets OOM too."""
        self.fill()
        other = self.connect()
        self.assertIn(b"OOM", other.receive(b"\x02\x00\x07\x01k\x04xxxx"))
