"""Tests of L{tseep.registry.categories}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.registry.categories import CATEGORIES, categories_of
from tseep.registry.table import COMMANDS, Command, iter_commands


def categories(group: str = "string", flags: str = "", acl: str = "", container: bool = False) -> list[str]:
    """The categories of a command with these facts."""
    run = None if container else lambda session, argv: None
    return categories_of(Command("X", run, group, "", arity=1, flags=flags, acl=acl))


class CategoriesTests(SynchronousTestCase):
    """What the categories of a command follow from."""

    def test_group(self) -> None:
        """A command has its group's category; a container has not."""
        self.assertEqual(["keyspace", "slow"], categories("generic"))
        self.assertEqual(["sortedset", "slow"], categories("sorted-set"))
        self.assertEqual(["slow"], categories("server"))
        self.assertEqual(["slow"], categories("connection", container=True))

    def test_flags(self) -> None:
        """Flags bring theirs: fast or slow, read or write, admin and with it danger."""
        self.assertEqual(["read", "string", "fast"], categories(flags="readonly fast"))
        self.assertEqual(["write", "string", "slow", "blocking"], categories(flags="write blocking"))
        self.assertEqual(["admin", "slow", "dangerous"], categories("server", "admin"))

    def test_named(self) -> None:
        """Named ones come along; one of another group takes the place of the group's."""
        self.assertEqual(["keyspace", "slow", "dangerous"], categories("generic", acl="@dangerous"))
        self.assertEqual(["slow", "connection"], categories("generic", acl="@connection"))

    def test_scripts(self) -> None:
        """A script that may only read is none of the reading commands."""
        self.assertEqual(["slow", "scripting"], categories("scripting", "readonly"))

    def test_table(self) -> None:
        """Every named category in the table is one that there is."""
        for command in iter_commands(COMMANDS):
            named = {category.lstrip("@") for category in command.categories}
            self.assertLessEqual(named, set(CATEGORIES), command.name)
