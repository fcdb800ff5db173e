"""Tests for L{tseep.registry.options}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.registry.options import REST, read_options
from tseep.registry.table import COMMANDS
from tseep.test.support import SessionTests

KNOWN = {b"limit": 2, b"get": 1, b"asc": 0, b"streams": REST}


def read(call: str) -> list[tuple[bytes, int, list[bytes]]]:
    """Return the options of a call, starting at its third word."""
    return [tuple(option) for option in read_options(call.encode().split(), 2, KNOWN)]  # type: ignore[misc]


class OptionsTests(SynchronousTestCase):
    """C{read_options} reads the options of a command."""

    def test_parameters(self) -> None:
        """An option has its parameters, whatever they are; options are case-insensitive and can be repeated."""
        expected = [(b"limit", 3, [b"get", b"asc"]), (b"asc", 6, []), (b"get", 7, [b"GET"]), (b"get", 9, [b"x"])]
        self.assertEqual(expected, read("SORT k LIMIT get asc ASC get GET GET x"))

    def test_nonsense(self) -> None:
        """An unknown word, or an option with too few parameters, has an empty name; reading continues after it."""
        self.assertEqual([(b"", 3, []), (b"asc", 4, [])], read("SORT k foo ASC"))
        self.assertEqual([(b"", 3, []), (b"", 4, [])], read("SORT k LIMIT 1"))

    def test_rest(self) -> None:
        """A C{REST} option has all remaining arguments, at least one."""
        self.assertEqual([(b"streams", 3, [b"GET", b"x"])], read("XREAD k STREAMS GET x"))
        self.assertEqual([(b"", 3, [])], read("XREAD k STREAMS"))


class KeyFindersTests(SessionTests):
    """Key finders of commands with keys in options, or with keys named more than once."""

    def assertKeys(self, expected: str, call: str) -> None:
        """Assert the keys of a call and their flags: C{!} precedes those that are written."""
        argv = call.encode().split()
        uses = self.server.table.commands[argv[0].lower()].uses_of_keys(argv)
        found = [("!" if flags[0] != "RO" else "") + argv[place].decode() for place, flags in uses]
        self.assertEqual(expected.split(), found)
        self.assertEqual(
            [word.lstrip("!").encode() for word in expected.split()], COMMANDS[argv[0].lower()].keys_in(argv)
        )

    def test_sort(self) -> None:
        """SORT uses its last STORE; a STORE that is another option's parameter is none."""
        self.assertKeys("a !c", "SORT a STORE b STORE c")
        self.assertKeys("a !b", "SORT a BY STORE GET STORE STORE b ASC")
        self.assertKeys("a !b", "SORT a nonsense STORE b")
        self.assertKeys("a", "SORT a DESC STORE")
        self.assertKeys("a", "SORT_RO a STORE b")

    def test_radius(self) -> None:
        """GEORADIUS names all keys of STORE and STOREDIST, as in Redis."""
        self.assertKeys("a !b !d !c", "GEORADIUS a 0 0 1 m STORE b STOREDIST c STORE d")
        self.assertKeys("a !c", "GEORADIUSBYMEMBER a STORE 1 m COUNT STORE STOREDIST c")

    def test_streams(self) -> None:
        """A group or consumer named STREAMS is not the keyword."""
        self.assertKeys("k", "XREADGROUP NOACK GROUP g streams STREAMS k >")
        self.assertKeys("k l", "XREADGROUP COUNT 1 GROUP streams streams STREAMS k l > >")
        self.assertKeys("a b", "XREAD COUNT streams STREAMS a b 0 0")
        self.assertKeys("", "XREAD COUNT 1 BLOCK 0")

    def test_migrate(self) -> None:
        """MIGRATE's keys follow KEYS if its key is empty; a password KEYS is not the keyword."""
        self.assertKeys("!k", "MIGRATE host 1 k 0 1 COPY AUTH keys")
        find = self.server.table.commands[b"migrate"].keys_in
        call = [b"MIGRATE", b"host", b"1", b"", b"0", b"1", b"REPLACE", b"AUTH2", b"user", b"KEYS", b"KEYS", b"a", b"b"]
        self.assertEqual([b"a", b"b"], find(call))
        call[3] = b"k"
        self.assertEqual([], find(call))

    def test_string(self) -> None:
        """SET reads its key only with GET; BITFIELD writes its key only with some subcommands."""
        flags = [self.server.table.commands[words[0].lower().encode()].uses_of_keys([word.encode() for word in words])
                 for words in (["SET", "k", "v"], ["SET", "k", "v", "get"], ["BITFIELD", "k", "GET", "u8", "0"],
                               ["BITFIELD", "k", "incrby", "u8", "0", "1"])]  # fmt: skip
        self.assertEqual(["OW", "RW", "RO", "RW"], [next(iter(uses)).flags[0] for uses in flags])
