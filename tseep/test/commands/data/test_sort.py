"""Tests for L{tseep.commands.data.sort}: SORT and SORT_RO."""

from __future__ import annotations

from tseep.test.support import SessionTests

NOT_A_NUMBER = "ERR One or more scores can't be converted into double"


class SortTests(SessionTests):
    def setUp(self) -> None:
        super().setUp()
        self.run_command("RPUSH", "l", "3", "20", "1", "3")

    def assertSorted(self, expected: str, *options: str, key: str = "l") -> None:
        """Assert that SORT with these options returns the words of C{expected}."""
        self.assertReply(expected.encode().split(), "SORT", key, *options)

    def test_numbers(self) -> None:
        """SORT compares elements as numbers, ascending or descending."""
        self.assertSorted("1 3 3 20")
        self.assertSorted("20 3 3 1", "DESC")
        self.assertSorted("1 3 3 20", "DESC", "asc")

    def test_forms_of_numbers(self) -> None:
        """A weight is parsed as by strtod: after spaces, hexadecimal, up to a NUL byte; an empty one is 0."""
        elements = [b" 5", b"0x10", b"1\0x", b"", b"-inf"]
        self.run_command("RPUSH", "forms", *elements)
        self.assertReply([b"-inf", b"", b"1\0x", b" 5", b"0x10"], "SORT", "forms")

    def test_no_numbers(self) -> None:
        """SORT refuses elements that are not numbers, or are outside the range of a double."""
        for element in ("x", "1x", "1 ", " ", "nan", "1e400", "1e-400", "1e-320"):
            self.run_command("DEL", "odd")
            self.run_command("RPUSH", "odd", "1", element)
            self.assertError(NOT_A_NUMBER, "SORT", "odd")
            self.assertError(NOT_A_NUMBER, "SORT", "odd", "STORE", "d")
        self.assertReply(0, "EXISTS", "d")

    def test_texts(self) -> None:
        """SORT ALPHA compares elements by their bytes."""
        self.assertSorted("1 20 3 3", "ALPHA")
        self.run_command("RPUSH", "texts", "b", "B", "ba", b"\xff", "a")
        self.assertReply([b"\xff", b"ba", b"b", b"a", b"B"], "SORT", "texts", "ALPHA", "DESC")

    def test_texts_with_zero_bytes(self) -> None:
        """SORT ALPHA ignores the bytes after a NUL byte, unless the result is stored."""
        elements = [b"a\0b", b"a\0a"]
        self.run_command("RPUSH", "zeros", *elements)
        self.assertReply(elements, "SORT", "zeros", "ALPHA")
        self.assertReply(2, "SORT", "zeros", "ALPHA", "STORE", "d")
        self.assertReply(elements[::-1], "LRANGE", "d", "0", "-1")

    def test_limit(self) -> None:
        """LIMIT selects a range of the result, sorted or not."""
        self.assertSorted("3 3", "LIMIT", "1", "2")
        self.assertSorted("3 20", "LIMIT", "2", "-1")
        self.assertSorted("1", "LIMIT", "-5", "1")
        self.assertSorted("", "LIMIT", "9", "1")
        self.assertSorted("", "LIMIT", "1", "0")
        self.assertSorted("20 1", "LIMIT", "1", "2", "BY", "nosort")
        self.assertSorted("1 20", "LIMIT", "1", "2", "BY", "nosort", "DESC")

    def test_by_keys(self) -> None:
        """BY with a key pattern reads the weights of strings; a missing key or another type has weight 0."""
        self.run_command("MSET", "w_1", "5", "w_20", "-1")
        self.run_command("RPUSH", "w_3", "x")
        self.assertSorted("20 3 3 1", "BY", "w_*")
        self.assertSorted("3 3 20 1", "BY", "w_*", "ALPHA")

    def test_by_fields(self) -> None:
        """BY with a field pattern reads the weights of hash fields; a key that is no hash has weight 0."""
        self.run_command("HSET", "h_1_x", "f->", "7")
        self.run_command("HSET", "h_3_x", "f->", "8")
        self.run_command("SET", "h_20_x", "9")
        self.assertSorted("20 1 3 3", "BY", "h_*_x->f->")
        self.assertSorted("3 3 1 20", "BY", "h_*_x->f->", "DESC")

    def test_same_weights(self) -> None:
        """Elements of equal weight are ordered by their bytes; with ALPHA they keep their order."""
        self.assertSorted("1 20 3 3", "BY", "none_*")
        self.assertSorted("3 3 20 1", "BY", "none_*", "DESC")
        self.assertSorted("3 20 1 3", "BY", "none_*", "ALPHA")
        self.assertSorted("3 20 1 3", "BY", "none_*", "ALPHA", "DESC")

    def test_get(self) -> None:
        """GET returns a value per element and pattern, and null for a missing one."""
        self.run_command("SET", "name_1", "one")
        self.run_command("APPEND", "name_1", "!")
        self.run_command("HSET", "h_1", "f", "1")
        for pattern, found in (
            ("#", b"1"),
            ("name_*", b"one!"),
            ("h_*->f", b"1"),
            ("h_*->g", None),
            ("h_*", None),
            ("name_*->f", None),
            ("name_1", None),
            ("h_*->", None),
        ):
            self.assertReply([found], "SORT", "l", "LIMIT", "0", "1", "GET", pattern)
        self.assertReply([b"1", b"one!"], "SORT_RO", "l", "LIMIT", "0", "1", "GET", "#", "GET", "name_*")

    def test_store(self) -> None:
        """STORE replaces the destination with a list, and deletes it if the result is empty."""
        self.run_command("SET", "d", "string", "EX", "100")
        self.run_command("SET", "name_20", "twenty")
        self.assertReply(4, "SORT", "l", "GET", "name_*", "STORE", "d")
        self.assertReply([b"", b"", b"", b"twenty"], "LRANGE", "d", "0", "-1")
        self.assertReply(-1, "TTL", "d")
        self.assertReply(0, "SORT", "none", "STORE", "d")
        self.assertReply(0, "EXISTS", "d")

    def test_events(self) -> None:
        """SORT STORE publishes sortstore, or del if it deletes the destination."""
        self.run_command("CONFIG", "SET", "notify-keyspace-events", "KA")
        listener = self.connect()
        self.run_command("SUBSCRIBE", "__keyspace@0__:d", session=listener)
        self.run_command("SORT", "l", "STORE", "d")
        for _ in range(2):
            self.run_command("SORT", "none", "STORE", "d")
        self.assertEqual([b"sortstore", b"del"], [message[2] for message in self.sent(listener)])

    def test_set(self) -> None:
        """A set that is not sorted is ordered by bytes if the result is stored, and in a script."""
        self.run_command("SADD", "s", "20", "3", "1", "100")
        self.assertSorted("1 3 20 100", key="s")
        self.assertEqual(2, len(self.run_command("SORT", "s", "BY", "nosort", "LIMIT", "0", "2")))
        self.run_command("SORT", "s", "BY", "nosort", "STORE", "d")
        self.assertReply([b"1", b"100", b"20", b"3"], "LRANGE", "d", "0", "-1")
        script = "return redis.call('SORT', 's', 'BY', 'nosort', 'DESC')"
        self.assertReply([b"3", b"20", b"100", b"1"], "EVAL", script, "0")

    def test_sorted_set(self) -> None:
        """A sorted set is sorted by its members, or with BY nosort by its scores in either direction."""
        self.run_command("ZADD", "z", "1", "20", "2", "1", "3", "3")
        self.assertSorted("1 3 20", key="z")
        self.assertSorted("20 1 3", "BY", "nosort", key="z")
        self.assertSorted("3 1", "BY", "nosort", "DESC", "LIMIT", "0", "2", key="z")

    def test_unsorted_stays(self) -> None:
        """Any BY without an asterisk disables sorting, even with another BY."""
        self.assertSorted("3 20 1 3", "BY", "nosort", "BY", "w_*")
        self.assertSorted("3 1 20 3", "BY", "#", "DESC")

    def test_read_only(self) -> None:
        """SORT_RO sorts as SORT does, and refuses STORE."""
        self.assertReply([b"1", b"3", b"3", b"20"], "SORT_RO", "l")
        self.assertError("ERR syntax error", "SORT_RO", "l", "STORE", "d")

    def test_refused(self) -> None:
        """Invalid options are refused before the key's type is checked."""
        self.run_command("SET", "string", "x")
        for options in (["LIMIT", "1"], ["BY"], ["GET"], ["STORE"], ["nonsense"]):
            self.assertError("ERR syntax error", "SORT", "string", *options)
        self.assertError("ERR value is not an integer or out of range", "SORT", "string", "LIMIT", "0", "x", "BY")
        self.assertError("WRONGTYPE Operation against a key holding the wrong kind of value", "SORT", "string")
