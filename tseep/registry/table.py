"""
The command table: one entry for each command, read from C{commands/GROUP.json}.

A file has one object for each command, by its name: L{Command}'s parameters, and C{help_since} in a command with
subcommands (the version of Redis that added its HELP). The group is the name of the file. Importing this module fills
L{COMMANDS}; importing L{tseep.commands} binds the functions.

Fields as in redis/src/commands and https://redis.io/docs/latest/commands/command/.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from tseep.registry.help import help_lines
from tseep.registry.key_finders import ANY_KEY_OPTIONS, KEY_FINDERS
from tseep.registry.keyspecs import KeyUse, Places, read_specifications
from tseep.replies import Reply
from tseep.telemetry.histogram import Histogram

if TYPE_CHECKING:
    from tseep.session.session import Session

Function = Callable[["Session", list[bytes]], Reply]

FACTS = Path(__file__).with_name("commands")

_CHANGING = frozenset({b"eval", b"evalsha", b"fcall", b"pfcount", b"publish", b"spublish"})
"""Commands that can change data, or have an effect on other clients, without the flag C{write}."""


class CommandStats(Histogram):
    """
    A server's statistics of a command: the durations of its calls, and the calls with errors.

    @ivar rejected: calls that failed before execution (rejected_calls of INFO).
    @ivar failed: calls whose execution returned an error (failed_calls of INFO).
    """

    __slots__ = ("rejected", "failed")

    def reset(self) -> None:
        super().reset()
        self.rejected = 0
        self.failed = 0


class Command:
    """
    A command (C{client}) or a subcommand (C{client|id}).

    @param name: as on its documentation page: C{CLIENT ID}.
    @param access: flags of the keys, such as C{RO ACCESS}, or C{RW ACCESS DELETE; OW UPDATE} for the first key and the
        others, with the places that C{keys} does not describe: see L{read_specifications
        <tseep.registry.keyspecs.read_specifications>}.
    @param acl: ACL categories that do not follow from group and flags.
    @ivar run: the function, with the session and the whole command (name included) as arguments. It returns a reply or
        raises L{CommandError <tseep.errors.CommandError>}. None in a container, and before L{command} binds it.
    @ivar summary: a sentence for COMMAND DOCS and HELP.
    @ivar arity: the number of arguments, the name included; negative: the minimum.
    @ivar may_write: True if it can change data, or has an effect on other clients.
    @ivar quick: True if a call is always short, so that consecutive calls are timed together. SET is quick although
        Redis does not flag it fast, as it can free a large value.
    @ivar keys: positions of the first and the last key, and the step between keys; zeros: none at fixed positions.
    @ivar specifications: the key specifications, from C{access} and C{keys}.
    @ivar find_keys: function of L{KEY_FINDERS <tseep.registry.key_finders.KEY_FINDERS>}, or None.
    @ivar reads_any_key: function of L{ANY_KEY_OPTIONS <tseep.registry.key_finders.ANY_KEY_OPTIONS>}, or None.
    @ivar categories: C{acl}.
    @ivar since: the version of Redis that added it.
    @ivar syntax: its arguments, in the notation of L{tseep.registry.syntax}.
    @ivar subcommands: by name in lower case.
    """

    __slots__ = (
        "name", "run", "group", "summary", "arity", "flags", "may_write", "quick", "keys", "specifications",
        "find_keys", "reads_any_key", "categories", "since", "complexity", "syntax", "tips", "subcommands", "calls",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        group: str,
        summary: str,
        *,
        arity: int,
        flags: str = "",
        keys: Sequence[int] = (0, 0, 0),
        access: str = "",
        acl: str = "",
        since: str = "1.0.0",
        complexity: str = "O(1)",
        syntax: str = "",
        tips: str = "",
    ) -> None:
        self.name = name.lower().replace(" ", "|").encode()
        self.run: Function | None = None
        self.group = group
        self.summary = summary
        self.arity = arity
        self.flags = frozenset(flags.split())
        self.may_write = "write" in self.flags or self.name in _CHANGING
        self.quick = "fast" in self.flags or name == "SET"
        first, last, step = keys
        self.keys: Places = (first, last, step)
        self.specifications = read_specifications(access, self.keys)
        self.find_keys = KEY_FINDERS.get(name)
        self.reads_any_key = ANY_KEY_OPTIONS.get(name)
        self.categories = frozenset(acl.split())
        self.since = since
        self.complexity = complexity
        self.syntax = syntax
        self.tips = tips.split()
        self.subcommands: dict[bytes, Command] = {}
        self.calls = CommandStats()

    @property
    def is_container(self) -> bool:
        """True if each call needs a subcommand, so that it has no function of its own."""
        return bool(self.subcommands) and not self.takes(1)

    def takes(self, count: int) -> bool:
        """Return whether the arity allows C{count} arguments, the name included."""
        return count == self.arity if self.arity > 0 else count >= -self.arity

    def keys_in(self, argv: list[bytes]) -> list[bytes]:
        """Return the keys of a whole command."""
        return [argv[use.place] for use in self.uses_of_keys(argv)]

    def uses_of_keys(self, argv: list[bytes]) -> Iterable[KeyUse]:
        """Return the positions of the keys of a whole command, with their flags."""
        if self.find_keys is not None:
            return self.find_keys(argv)
        return [
            KeyUse(place, specification.flags)
            for specification in self.specifications
            for place in specification.find(argv)
        ]

    def running(self, function: Function) -> Command:
        """Return a copy with another function, which shares the statistics."""
        command = copy.copy(self)
        command.run = function
        return command

    def copy_for_server(self) -> Command:
        """Return a copy with statistics of its own, for one server."""
        command = copy.copy(self)
        command.calls = CommandStats()
        command.subcommands = {name: sub.copy_for_server() for name, sub in self.subcommands.items()}
        return command


def iter_commands(commands: dict[bytes, Command]) -> Iterator[Command]:
    """Yield the commands of a table, each followed by its subcommands."""
    for command in commands.values():
        yield command
        yield from command.subcommands.values()


def command(name: str) -> Callable[[Function], Function]:
    """
    Bind the decorated function to the command C{name}.

    @raise KeyError: if C{commands/} has no such command.
    """
    first, _, second = name.lower().encode().partition(b" ")
    entry = COMMANDS.get(first)
    if entry is not None and second:
        entry = entry.subcommands.get(second)
    if entry is None:
        raise KeyError(name)

    def bind(function: Function) -> Function:
        entry.run = function
        return function

    return bind


def check_functions(commands: dict[bytes, Command]) -> None:
    """
    Check that every command has a function.

    @raise LookupError: with the names of those that have none.
    """
    unbound = [entry.name.decode() for entry in iter_commands(commands) if entry.run is None and not entry.is_container]
    if unbound:
        raise LookupError(f"commands without a function: {', '.join(unbound)}")


def read_commands() -> dict[bytes, Command]:
    """Return the table of all files in L{FACTS}, without functions except HELP's."""
    commands: dict[bytes, Command] = {}
    for path in sorted(FACTS.glob("*.json")):
        for name, facts in json.loads(path.read_text("utf-8")).items():
            help_since = facts.pop("help_since", None)
            _add(commands, Command(name, path.stem, **facts))
            if help_since is not None:
                _add(commands, _help(name, commands[name.lower().encode()], help_since))
    return commands


def _add(commands: dict[bytes, Command], entry: Command) -> None:
    container, _, subcommand = entry.name.partition(b"|")
    if subcommand:
        commands[container].subcommands[subcommand] = entry
    else:
        commands[container] = entry


def _help(name: str, container: Command, since: str) -> Command:
    entry = Command(
        f"{name} HELP", container.group, "Lists the subcommands.",
        arity=2, flags="loading stale", acl=" ".join(container.categories), since=since,
    )  # fmt: skip
    entry.run = lambda session, argv: help_lines(container)
    return entry


COMMANDS = read_commands()
