"""Tests for L{tseep.keyspace.lazyfree}, UNLINK and asynchronous flushes."""

from __future__ import annotations

from tseep.datatypes.hash import Hash
from tseep.test.support import SessionTests


class LazyFreeTests(SessionTests):
    """UNLINK and asynchronous flushes free large values after the reply, in steps."""

    def fill(self, key: str, size: int = 1000) -> Hash:
        """Create a large hash and return it."""
        self.run_command("HSET", key, *[word for number in range(size) for word in (f"field:{number}", "value")])
        value: Hash = self.session.db.values[key.encode()]
        return value

    def test_unlink(self) -> None:
        """UNLINK removes the key at once and frees its elements later."""
        value = self.fill("h")
        self.assertReply(1, "UNLINK", "h", "none")
        self.assertReply(0, "EXISTS", "h")
        self.assertEqual(1000, len(value))
        self.assertEqual(1, len(self.server.lazyfree))
        self.advance(0.01)
        self.assertEqual(0, len(value))
        self.assertEqual((0, 1), (len(self.server.lazyfree), self.server.lazyfree.freed))

    def test_steps(self) -> None:
        """A large value is freed in several steps, between which clients are served."""
        value = self.fill("h")

        def look() -> int:
            self.timer += 600_000
            return self.timer

        self.server.timer = look
        self.patch(self.server.lazyfree, "_timer", look)
        self.run_command("UNLINK", "h")
        self.advance(0.01)
        left = len(value)
        self.assertTrue(0 < left < 1000)
        self.advance(0.01)
        self.assertTrue(len(value) < left)

    def test_small(self) -> None:
        """UNLINK frees small values at once."""
        self.fill("h", 64)
        self.run_command("SET", "s", "x" * 1000)
        self.assertReply(2, "UNLINK", "h", "s")
        self.assertEqual(0, len(self.server.lazyfree))

    def test_del(self) -> None:
        """DEL frees at once, unless C{lazyfree-lazy-user-del} is on."""
        self.fill("h")
        self.assertReply(1, "DEL", "h")
        self.assertEqual(0, len(self.server.lazyfree))
        self.run_command("CONFIG", "SET", "lazyfree-lazy-user-del", "yes")
        self.fill("h")
        self.assertReply(1, "DEL", "h")
        self.assertEqual(1, len(self.server.lazyfree))

    def test_flush(self) -> None:
        """FLUSHALL ASYNC removes all keys at once and frees them and their elements later."""
        value = self.fill("h")
        self.run_command("SET", "s", "1", "EX", 10)
        self.run_command("FLUSHALL", "ASYNC")
        self.assertReply(0, "DBSIZE")
        self.assertEqual(1000, len(value))
        self.advance(0.01)
        self.assertEqual(0, len(value))
        self.assertEqual(0, len(self.server.lazyfree))

    def test_lazy_user_flush(self) -> None:
        """A flush is asynchronous with ASYNC, or by C{lazyfree-lazy-user-flush} unless SYNC is given."""
        self.fill("h")
        self.run_command("FLUSHDB")
        self.assertEqual(0, len(self.server.lazyfree))
        self.run_command("CONFIG", "SET", "lazyfree-lazy-user-flush", "yes")
        self.fill("h")
        self.run_command("FLUSHDB")
        self.assertEqual(1, len(self.server.lazyfree))
        self.fill("h")
        self.run_command("FLUSHDB", "SYNC")
        self.assertEqual(1, len(self.server.lazyfree))

    def test_info(self) -> None:
        """C{lazyfree_pending_objects} of INFO memory is the number of objects that are not yet freed."""
        self.fill("h")
        self.run_command("UNLINK", "h")
        self.assertIn(b"lazyfree_pending_objects:1", self.run_command("INFO", "memory"))
