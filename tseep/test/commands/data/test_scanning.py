"""Tests for L{tseep.commands.data.scanning}.

A value in a compact encoding is scanned in one step, as in Redis; a larger one in several steps.
"""

from __future__ import annotations

from tseep.test.support import SessionTests


class WholeTests(SessionTests):
    def scanned(self, name: str, cursor: int) -> tuple[bytes, int]:
        """Return the next cursor and the number of replied words of one step."""
        following, words = self.run_command(name, "k", cursor, "COUNT", 1)
        return following, len(words)

    def assertContinues(self, name: str, width: int) -> None:
        """Assert that the first step returns one element, of C{width} words; other cursors than its own return none."""
        following, words = self.scanned(name, 0)
        self.assertEqual(width, words)
        self.assertEqual(width, self.scanned(name, int(following))[1])
        for cursor in (1, int(following) + 1, int(following) - 1, 2**64 - 1):
            self.assertEqual((b"0", 0), self.scanned(name, cursor))

    def test_hash(self) -> None:
        """HSCAN returns a short hash in one step, but not one with a long value."""
        self.run_command("HSET", "k", "a", 1, "b", 2, "", 3)
        self.assertEqual([(b"0", 6), (b"0", 6)], [self.scanned("HSCAN", cursor) for cursor in (0, 2)])
        self.run_command("HSET", "k", "a", "x" * 100)
        self.assertContinues("HSCAN", 2)

    def test_set(self) -> None:
        """SSCAN returns a set of integers in one step, but not one of words, as in Redis 7.0."""
        self.run_command("SADD", "k", 1, 2, 3)
        self.assertEqual((b"0", 3), self.scanned("SSCAN", 0))
        self.run_command("SADD", "k", "word")
        self.assertContinues("SSCAN", 1)

    def test_sorted_set(self) -> None:
        """ZSCAN returns a short sorted set in one step, but not one with a long member."""
        self.run_command("ZADD", "k", 1, "a", 2, "b", 3, "c")
        self.assertEqual((b"0", 6), self.scanned("ZSCAN", 0))
        self.run_command("ZADD", "k", 4, "x" * 100)
        self.assertContinues("ZSCAN", 2)
