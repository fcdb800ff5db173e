"""Tests of L{tseep.registry.table}."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tseep.registry import table
from tseep.registry.table import Command, CommandStats


def a_command(**fields: Any) -> Command:
    """A command that answers its arguments."""
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
    """What a command says of itself."""

    def test_name(self) -> None:
        """A command is known in lower case, and a subcommand by its container as well."""
        self.assertEqual(b"get", a_command(name="GET").name)
        self.assertEqual(b"client|no-evict", a_command(name="CLIENT NO-EVICT").name)

    def test_takes(self) -> None:
        """A positive arity is the number of arguments, a negative one the least."""
        self.assertEqual([False, True, False], [a_command(arity=2).takes(count) for count in (1, 2, 3)])
        self.assertEqual([False, True, True], [a_command(arity=-2).takes(count) for count in (1, 2, 3)])

    def keys_of(self, keys: Any, count: int) -> list[bytes]:
        """The keys of a command with so many arguments, each of which is its own number."""
        return a_command(keys=keys, access="RO").keys_in([b"%d" % number for number in range(count)])

    def test_keys(self) -> None:
        """Keys stand from the first to the last position in steps; a negative last counts from the end."""
        self.assertEqual([b"1"], self.keys_of((1, 1, 1), 4))
        self.assertEqual([b"1", b"2"], self.keys_of((1, 2, 1), 4))
        self.assertEqual([b"1", b"2", b"3"], self.keys_of((1, -1, 1), 4))
        self.assertEqual([b"2", b"3"], self.keys_of((2, -1, 1), 4))
        self.assertEqual([b"1", b"3"], self.keys_of((1, -1, 2), 5))
        self.assertEqual([b"1", b"2"], self.keys_of((1, -2, 1), 4))

    def test_running(self) -> None:
        """The same command with another function counts together with it."""
        first = a_command()
        second = first.running(lambda session, argv: None)
        second.calls.failed += 1
        self.assertEqual(1, first.calls.failed)
        self.assertIsNot(first.run, second.run)

    def test_fresh(self) -> None:
        """A fresh copy counts for itself, and so do its subcommands."""
        first = a_command()
        first.subcommands[b"sub"] = a_command(name="TEST SUB")
        second = first.copy_for_server()
        for each in (second, second.subcommands[b"sub"]):
            each.calls.failed += 1
        self.assertEqual((0, 0), (first.calls.failed, first.subcommands[b"sub"].calls.failed))
        self.assertEqual((1, 1), (second.calls.failed, second.subcommands[b"sub"].calls.failed))

    def test_every(self) -> None:
        """All commands of a table come with their subcommands after them."""
        first, second = a_command(name="A"), a_command(name="B")
        first.subcommands[b"x"] = a_command(name="A X")
        self.assertEqual([b"a", b"a|x", b"b"], [each.name for each in table.iter_commands({b"a": first, b"b": second})])


class CallsTests(SynchronousTestCase):
    """What is counted of calls."""

    def test_calls(self) -> None:
        """Every bucket's calls count, and a reset forgets them."""
        calls = CommandStats()
        calls.buckets[3] += 2
        calls.buckets[10] += 1
        self.assertEqual(3, calls.count)
        calls.failed = calls.rejected = calls.nanoseconds = 9
        calls.reset()
        self.assertEqual((0, 0, 0, 0), (calls.count, calls.failed, calls.rejected, calls.nanoseconds))

    def test_percentile(self) -> None:
        """A percentile is of all calls."""
        calls = CommandStats()
        calls.buckets[3], calls.buckets[10] = 99, 1
        self.assertEqual([8, 1024], [calls.percentile(each) for each in (99, 100)])


class RegistrationTests(SynchronousTestCase):
    """How functions become commands."""

    def setUp(self) -> None:
        self.patch(table, "COMMANDS", {})

    def test_command(self) -> None:
        """The decorator leaves the function as it is, and takes the first line of its docstring for the summary."""

        def run(session: Any, argv: list[bytes]) -> None:
            """
            Tests this.

            And more.
            """

        self.assertIs(run, table.command("TEST", arity=1, flags="fast loading", group="test")(run))
        entry = table.COMMANDS[b"test"]
        self.assertEqual((run, "Tests this.", {"fast", "loading"}), (entry.run, entry.summary, entry.flags))

    def test_group(self) -> None:
        """A command belongs to the group of its module, unless it says another."""

        def run(session: Any, argv: list[bytes]) -> None:
            """Tests."""

        run.__module__ = "tseep.commands.strings"
        table.command("A", arity=1)(run)
        table.command("B", arity=1, group="other")(run)
        self.assertEqual(["string", "other"], [table.COMMANDS[name].group for name in (b"a", b"b")])

    def test_container(self) -> None:
        """A container runs nothing itself, and has HELP, which names all of its subcommands."""
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
    """Every command that there is."""

    def test_all_are_documented(self) -> None:
        """Each has a summary, a group, a complexity and the Redis that brought it."""
        for each in table.iter_commands(table.COMMANDS):
            self.assertRegex(each.summary, r"^[A-Z].*\.$", each.name)
            self.assertTrue(each.group and each.complexity, each.name)
            self.assertRegex(each.since, r"^\d+\.\d+\.\d+$", each.name)

    def test_arities_allow_keys(self) -> None:
        """The least number of arguments that a command takes holds its first key, and for a fixed one its last."""
        for each in table.iter_commands(table.COMMANDS):
            if each.name == b"sunsubscribe":  # none is all
                continue
            self.assertTrue(each.keys[0] < abs(each.arity), each.name)
            self.assertTrue(each.keys[1] < abs(each.arity), each.name)
            self.assertTrue(each.specifications or not each.keys[0], each.name)

    def test_names(self) -> None:
        """Each stands in the table under its own name."""
        for name, each in table.COMMANDS.items():
            self.assertEqual(name, each.name)
            for sub, entry in each.subcommands.items():
                self.assertEqual(name + b"|" + sub, entry.name)
