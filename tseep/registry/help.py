"""The reply of HELP of a command with subcommands, from the command table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tseep.replies import Status

if TYPE_CHECKING:
    from tseep.registry.table import Command


def help_lines(container: Command) -> list[Status]:
    """Return the lines for a container: for each subcommand, HELP last, its syntax and its summary."""
    name = container.name.decode().upper()
    lines = [f"{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"]
    for word in sorted(container.subcommands, key=lambda word: (word == b"help", word)):
        subcommand = container.subcommands[word]
        lines.append(f"{word.decode().upper()} {subcommand.syntax}".rstrip())
        lines.append(f"    {subcommand.summary}")
    return [Status(line.encode()) for line in lines]
