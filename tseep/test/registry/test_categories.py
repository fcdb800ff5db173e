"""Tests of L{tseep.registry.categories}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.registry.categories import CATEGORIES, categories_of
from tseep.registry.table import COMMANDS, Command, iter_commands


def categories(group: str = "string", flags: str = "", acl: str = "", container: bool = False) -> list[str]:
    """Return the ACL categories of a command with these properties."""
    command = Command("X", group, "", arity=-2, flags=flags, acl=acl)
    if container:
        command.subcommands[b"y"] = Command("X Y", group, "", arity=2)
    return categories_of(command)


class CategoriesTests(SynchronousTestCase):
    """ACL categories are derived from a command's group, flags and explicit categories."""

    def test_group(self) -> None:
        """A command has its group's category; a container command has not."""
        self.assertEqual(["keyspace", "slow"], categories("generic"))
        self.assertEqual(["sortedset", "slow"], categories("sorted-set"))
        self.assertEqual(["slow"], categories("server"))
        self.assertEqual(["slow"], categories("connection", container=True))

    def test_flags(self) -> None:
        """Flags add categories: fast or slow, read or write, blocking, and admin with dangerous."""
        self.assertEqual(["read", "string", "fast"], categories(flags="readonly fast"))
        self.assertEqual(["write", "string", "slow", "blocking"], categories(flags="write blocking"))
        self.assertEqual(["admin", "slow", "dangerous"], categories("server", "admin"))

    def test_named(self) -> None:
        """Explicit categories are added; one of another group replaces the group's."""
        self.assertEqual(["keyspace", "slow", "dangerous"], categories("generic", acl="dangerous"))
        self.assertEqual(["slow", "connection"], categories("generic", acl="connection"))

    def test_scripts(self) -> None:
        """A read-only scripting command does not have the category read."""
        self.assertEqual(["slow", "scripting"], categories("scripting", "readonly"))

    def test_table(self) -> None:
        """Every category in the command table is defined."""
        for command in iter_commands(COMMANDS):
            self.assertLessEqual(command.categories, set(CATEGORIES), command.name)
