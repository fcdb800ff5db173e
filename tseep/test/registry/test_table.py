"""Tests of L{tseep.registry.table}."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tseep.registry import table
from tseep.registry.table import Command, CommandStats


def a_command(**fields: Any) -> Command:
    """Return a command whose reply is its arguments."""
    facts = {
        "name": "TEST",
        "run": lambda session, argv: argv,
        "group": "test",
        "summary": "Tests.",
        "arity": 2,
        **fields,
    }
    return Command(**facts)


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


class RegistrationTests(SynchronousTestCase):
    """Registration of functions as commands."""

    def setUp(self) -> None:
        self.patch(table, "COMMANDS", {})

    def test_command(self) -> None:
        """The decorator returns the function unchanged; the summary is the first line of its docstring."""

        def run(session: Any, argv: list[bytes]) -> None:
            """
            Tests this.

            And more.
            """

        self.assertIs(run, table.command("TEST", arity=1, flags="fast loading", group="test")(run))
        entry = table.COMMANDS[b"test"]
        self.assertEqual((run, "Tests this.", {"fast", "loading"}), (entry.run, entry.summary, entry.flags))

    def test_group(self) -> None:
        """A command's group is its module's unless another is given."""

        def run(session: Any, argv: list[bytes]) -> None:
            """Tests."""

        run.__module__ = "tseep.commands.strings"
        table.command("A", arity=1)(run)
        table.command("B", arity=1, group="other")(run)
        self.assertEqual(["string", "other"], [table.COMMANDS[name].group for name in (b"a", b"b")])

    def test_container(self) -> None:
        """A container has no function of its own; its HELP lists all subcommands."""
        table.container("BOX", "tseep.commands.server", "Holds.")
        table.command("BOX OPEN", arity=2, syntax="key")(lambda session, argv: None)
        box = table.COMMANDS[b"box"]
        self.assertEqual((None, -2, "server"), (box.run, box.arity, box.group))
        self.assertEqual({b"help", b"open"}, set(box.subcommands))
        help_ = box.subcommands[b"help"]
        assert help_.run is not None
        lines = [line.text for line in help_.run(None, [b"BOX", b"HELP"])]  # type: ignore[arg-type]
        self.assertIn(b"OPEN key", lines)
        self.assertIn(b"HELP", lines)


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
