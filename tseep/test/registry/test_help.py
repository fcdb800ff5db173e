"""Tests for L{tseep.registry.help}."""

from __future__ import annotations

from tseep.commands import COMMANDS
from tseep.registry.help import help_lines
from tseep.registry.table import Command
from tseep.test.support import SessionTests


class HelpTests(SessionTests):
    """HELP subcommands of container commands."""

    def test_lines(self) -> None:
        """Each subcommand has a line with its syntax and one with its summary; HELP is last."""
        parent = Command("BOX", "generic", "Holds.", arity=-2)
        for name, syntax in (("help", ""), ("open", "key [TWICE]"), ("close", "")):
            parent.subcommands[name.encode()] = Command(
                f"BOX {name}", "generic", f"Summary of {name}.", arity=2, syntax=syntax
            )
        expected = [
            b"BOX <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
            b"CLOSE",
            b"    Summary of close.",
            b"OPEN key [TWICE]",
            b"    Summary of open.",
            b"HELP",
            b"    Summary of help.",
        ]
        self.assertEqual(expected, [line.text for line in help_lines(parent)])

    def test_every_container(self) -> None:
        """Every container's HELP returns simple strings; CLUSTER's is an error."""
        containers = [command for command in COMMANDS.values() if command.subcommands and command.name != b"cluster"]
        self.assertIn(b"object", [container.name for container in containers])
        for container in containers:
            lines = self.run_command(container.name, "help")
            self.assertEqual(2 * len(container.subcommands) + 1, len(lines), f"in {container.name!r}")
            self.assertEqual({str}, set(map(type, lines)))
            self.assertEqual("HELP", lines[-2])

    def test_arity(self) -> None:
        """HELP with arguments is an error."""
        self.assertError("ERR wrong number of arguments for 'object|help' command", "OBJECT", "HELP", "x")
