"""Tests of L{tseep.registry.table}."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tseep.registry import table
from tseep.registry.table import Command, CommandStats


def a_command(**fields: Any) -> Command:
    """Return a command without a function."""
    return Command(**{"name": "TEST", "group": "test", "summary": "Tests.", "arity": 2, **fields})


class CommandTests(SynchronousTestCase):
    """Name, arity, keys and copies of a L{Command}."""

    def test_name(self) -> None:
        """The name is in lower case; a subcommand's has its container and a bar before it."""
        self.assertEqual(b"get", a_command(name="GET").name)
        self.assertEqual(b"client|no-evict", a_command(name="CLIENT NO-EVICT").name)

    def test_takes(self) -> None:
        """A positive arity is the exact number of arguments, a negative one the minimum."""
        self.assertEqual([False, True, False], [a_command(arity=2).takes(count) for count in (1, 2, 3)])
        self.assertEqual([False, True, True], [a_command(arity=-2).takes(count) for count in (1, 2, 3)])

    def keys_of(self, keys: Any, count: int) -> list[bytes]:
        """Return the keys of a command with C{count} arguments, each of which is its index."""
        return a_command(keys=keys, access="RO").keys_in([b"%d" % number for number in range(count)])

    def test_keys(self) -> None:
        """Keys range from the first to the last position in steps; a negative last position counts from the end."""
        self.assertEqual([b"1"], self.keys_of((1, 1, 1), 4))
        self.assertEqual([b"1", b"2"], self.keys_of((1, 2, 1), 4))
        self.assertEqual([b"1", b"2", b"3"], self.keys_of((1, -1, 1), 4))
        self.assertEqual([b"2", b"3"], self.keys_of((2, -1, 1), 4))
        self.assertEqual([b"1", b"3"], self.keys_of((1, -1, 2), 5))
        self.assertEqual([b"1", b"2"], self.keys_of((1, -2, 1), 4))

    def test_running(self) -> None:
        """A copy with another function shares the statistics."""
        first = a_command()
        second = first.running(lambda session, argv: None)
        second.calls.failed += 1
        self.assertEqual(1, first.calls.failed)
        self.assertIsNot(first.run, second.run)

    def test_fresh(self) -> None:
        """A copy for a server has its own statistics, and so do its subcommands."""
        first = a_command()
        first.subcommands[b"sub"] = a_command(name="TEST SUB")
        second = first.copy_for_server()
        for each in (second, second.subcommands[b"sub"]):
            each.calls.failed += 1
        self.assertEqual((0, 0), (first.calls.failed, first.subcommands[b"sub"].calls.failed))
        self.assertEqual((1, 1), (second.calls.failed, second.subcommands[b"sub"].calls.failed))

    def test_every(self) -> None:
        """C{iter_commands} yields each command, followed by its subcommands."""
        first, second = a_command(name="A"), a_command(name="B")
        first.subcommands[b"x"] = a_command(name="A X")
        self.assertEqual([b"a", b"a|x", b"b"], [each.name for each in table.iter_commands({b"a": first, b"b": second})])


class CallsTests(SynchronousTestCase):
    """Statistics of a command's calls."""

    def test_calls(self) -> None:
        """C{count} is the sum of all buckets; C{reset} clears all statistics."""
        calls = CommandStats()
        calls.buckets[3] += 2
        calls.buckets[10] += 1
        self.assertEqual(3, calls.count)
        calls.failed = calls.rejected = calls.nanoseconds = 9
        calls.reset()
        self.assertEqual((0, 0, 0, 0), (calls.count, calls.failed, calls.rejected, calls.nanoseconds))

    def test_percentile(self) -> None:
        """Percentiles cover all calls."""
        calls = CommandStats()
        calls.buckets[3], calls.buckets[10] = 99, 1
        self.assertEqual([8, 1024], [calls.percentile(each) for each in (99, 100)])


class BindingTests(SynchronousTestCase):
    """Functions are bound to the entries of the table."""

    def setUp(self) -> None:
        self.patch(table, "COMMANDS", {b"test": a_command(), b"box": a_command(name="BOX", arity=-2)})
        table.COMMANDS[b"box"].subcommands[b"open"] = a_command(name="BOX OPEN")

    def test_bind(self) -> None:
        """The decorator binds a function, and returns it."""
        for name, entry in (
            ("TEST", table.COMMANDS[b"test"]),
            ("BOX OPEN", table.COMMANDS[b"box"].subcommands[b"open"]),
        ):

            def run(session: Any, argv: list[bytes]) -> None:
                pass

            self.assertIs(run, table.command(name)(run))
            self.assertIs(run, entry.run)

    def test_unknown(self) -> None:
        """A name that is not in the table raises KeyError."""
        for name in ("NONE", "BOX SHUT", "TEST OPEN"):
            error = self.assertRaises(KeyError, table.command, name)
            self.assertEqual((name,), error.args)

    def test_unbound(self) -> None:
        """A command without a function raises LookupError, unless it is a container."""
        error = self.assertRaises(LookupError, table.check_functions, table.COMMANDS)
        self.assertEqual("commands without a function: test, box|open", str(error))
        for name in ("TEST", "BOX OPEN"):
            table.command(name)(lambda session, argv: None)
        table.check_functions(table.COMMANDS)

    def test_container(self) -> None:
        """A container requires a subcommand; COMMAND, which does not, is none."""
        self.assertEqual([False, True], [entry.is_container for entry in table.COMMANDS.values()])
        table.COMMANDS[b"box"].arity = -1
        self.assertFalse(table.COMMANDS[b"box"].is_container)


class ReadingTests(SynchronousTestCase):
    """Files of facts become entries."""

    def test_read(self) -> None:
        """The file's name is the group; C{help_since} adds HELP, which lists all subcommands."""
        folder = Path(self.mktemp())
        folder.mkdir()
        self.patch(table, "FACTS", folder)
        facts = {
            "BOX": {"summary": "Holds.", "arity": -2, "acl": "dangerous", "help_since": "5.0.0"},
            "BOX OPEN": {"summary": "Opens.", "syntax": "key", "arity": 3, "keys": [2, 2, 1], "access": "RO"},
        }
        (folder / "things.json").write_text(json.dumps(facts))
        (box,) = table.read_commands().values()
        self.assertEqual(("things", None, True), (box.group, box.run, box.is_container))
        self.assertEqual({b"help", b"open"}, set(box.subcommands))
        self.assertEqual([b"k"], box.subcommands[b"open"].keys_in([b"BOX", b"OPEN", b"k"]))
        help_ = box.subcommands[b"help"]
        self.assertEqual(("things", "5.0.0", {"dangerous"}), (help_.group, help_.since, help_.categories))
        assert help_.run is not None
        lines = [line.text for line in help_.run(None, [b"BOX", b"HELP"])]  # type: ignore[arg-type]
        self.assertEqual([b"OPEN key", b"    Opens.", b"HELP"], lines[1:4])


class TheTableTests(SynchronousTestCase):
    """Consistency of the whole command table."""

    def test_all_are_documented(self) -> None:
        """Each command has a summary, a group, a complexity and the Redis version that introduced it."""
        for each in table.iter_commands(table.COMMANDS):
            self.assertRegex(each.summary, r"^[A-Z].*\.$", each.name)
            self.assertTrue(each.group and each.complexity, each.name)
            self.assertRegex(each.since, r"^\d+\.\d+\.\d+$", each.name)

    def test_arities_allow_keys(self) -> None:
        """The minimum number of arguments includes the first key, and for a fixed arity the last one."""
        for each in table.iter_commands(table.COMMANDS):
            if each.name == b"sunsubscribe":  # none is all
                continue
            self.assertTrue(each.keys[0] < abs(each.arity), each.name)
            self.assertTrue(each.keys[1] < abs(each.arity), each.name)
            self.assertTrue(each.specifications or not each.keys[0], each.name)

    def test_names(self) -> None:
        """Each command is registered under its own name."""
        for name, each in table.COMMANDS.items():
            self.assertEqual(name, each.name)
            for sub, entry in each.subcommands.items():
                self.assertEqual(name + b"|" + sub, entry.name)
