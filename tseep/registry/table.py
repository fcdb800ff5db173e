"""
The one command table: what every command is called, takes, touches and does.

Dispatch, COMMAND, INFO commandstats and the documentation all read it. The fields are those of
redis/src/commands and of https://redis.io/docs/latest/commands/command/.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Callable, Optional

from tseep.registry.help import help_lines
from tseep.registry.keyspecs import KeyUse, read_specifications
from tseep.replies import Reply
from tseep.telemetry.histogram import Histogram

if TYPE_CHECKING:
    from tseep.session.session import Session

Function = Callable[["Session", list[bytes]], Reply]
FindKeys = Callable[[list[bytes]], Iterable[KeyUse]]
ReadsAnyKey = Callable[[list[bytes]], Optional[bytes]]

_GROUPS = {
    "strings": "string",
    "bits": "bitmap",
    "keys": "generic",
    "client": "connection",
    "tracking": "connection",
    "hashes": "hash",
    "functions": "scripting",
    "lists": "list",
    "sets": "set",
    "dumping": "generic",
    "sort": "generic",
    **dict.fromkeys(("sorted_sets", "sorted_set_ranges", "sorted_set_algebra"), "sorted-set"),
    **dict.fromkeys(("streams", "stream_groups"), "stream"),
    **dict.fromkeys(
        ("acl", "command", "config", "debug", "info", "latency", "memory", "monitor", "persistence", "slowlog"),
        "server",
    ),
}
COMMANDS: dict[bytes, Command] = {}

_CHANGING = frozenset({b"eval", b"evalsha", b"fcall", b"pfcount", b"publish", b"spublish"})
"""Commands that may change something, here or elsewhere, though Redis does not flag them so."""


class CommandStats(Histogram):
    """
    What a server counts of a command: how long its calls took, and beside that those that came to nothing.

    @ivar rejected: calls refused before they ran (INFO's rejected_calls).
    @ivar failed: calls that answered an error (INFO's failed_calls).
    """

    __slots__ = ("rejected", "failed")

    def reset(self) -> None:
        """Begin again at nothing, as CONFIG RESETSTAT asks."""
        super().reset()
        self.rejected = 0
        self.failed = 0


class Command:
    """
    One command, or one subcommand (C{client|id}) of a container (C{client}).

    @ivar run: the function; it takes the session and the whole command, its name first, and returns a reply
        or raises L{CommandError <tseep.errors.CommandError>}. None in a container.
    @ivar arity: the number of arguments, the name counted; negative for "at least".
    @ivar may_write: whether it may change something, here or elsewhere.
    @ivar quick: whether one call can't take long, so that calls which follow each other are timed together. SET
        is, though Redis does not flag it fast since it may free a large value.
    @ivar keys: positions of the first and the last key, and the step between keys; zeros for none.
    @param access: the flags of its keys, such as C{RO ACCESS}; where those of the first key and of the others differ,
        both: C{RW ACCESS DELETE; OW UPDATE}; with their places if not those of C{keys}:
        L{read_specifications <tseep.registry.keyspecs.read_specifications>} says how.
    @ivar specifications: the same, read.
    @ivar find_keys: finds the keys of a call, and what it does with each, where the specifications tell less than its
        options do: by the reader that the command itself reads them with. None elsewhere.
    @ivar reads_any_key: takes a call, and returns the option by which that reads keys that it does not name, or None;
        None where no call does.
    @ivar categories: the ACL categories that don't follow from the flags.
    @ivar subcommands: by name, in lower case; empty but in a container.
    """

    __slots__ = (
        "name", "run", "group", "summary", "arity", "flags", "may_write", "quick", "keys", "specifications",
        "find_keys", "reads_any_key", "categories", "since", "complexity", "syntax", "tips", "subcommands", "calls",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        run: Function | None,
        group: str,
        summary: str,
        *,
        arity: int,
        flags: str = "",
        keys: tuple[int, int, int] = (0, 0, 0),
        access: str = "",
        find_keys: FindKeys | None = None,
        reads_any_key: ReadsAnyKey | None = None,
        acl: str = "",
        since: str = "1.0.0",
        complexity: str = "O(1)",
        syntax: str = "",
        tips: str = "",
    ) -> None:
        self.name = name.lower().replace(" ", "|").encode()
        self.run = run
        self.group = group
        self.summary = summary
        self.arity = arity
        self.flags = frozenset(flags.split())
        self.may_write = "write" in self.flags or self.name in _CHANGING
        self.quick = "fast" in self.flags or name == "SET"
        self.keys = keys
        self.specifications = read_specifications(access, keys)
        self.find_keys = find_keys
        self.reads_any_key = reads_any_key
        self.categories = frozenset(acl.split())
        self.since = since
        self.complexity = complexity
        self.syntax = syntax
        self.tips = tips.split()
        self.subcommands: dict[bytes, Command] = {}
        self.calls = CommandStats()

    def takes(self, count: int) -> bool:
        """Whether C{count} arguments, the name counted, are a number that it takes."""
        return count == self.arity if self.arity > 0 else count >= -self.arity

    def keys_in(self, argv: list[bytes]) -> list[bytes]:
        """The arguments of a whole command that are keys."""
        return [argv[use.place] for use in self.uses_of_keys(argv)]

    def uses_of_keys(self, argv: list[bytes]) -> Iterable[KeyUse]:
        """What a whole command does with each of its keys."""
        if self.find_keys is not None:
            return self.find_keys(argv)
        return [
            KeyUse(place, specification.flags)
            for specification in self.specifications
            for place in specification.find(argv)
        ]

    def running(self, function: Function) -> Command:
        """The same command, counting together with it, but running another function."""
        command = copy.copy(self)
        command.run = function
        return command

    def copy_for_server(self) -> Command:
        """A copy that counts for itself, for one server."""
        command = copy.copy(self)
        command.calls = CommandStats()
        command.subcommands = {name: sub.copy_for_server() for name, sub in self.subcommands.items()}
        return command


def iter_commands(commands: dict[bytes, Command]) -> Iterator[Command]:
    """All of a table's commands, each with its subcommands after it."""
    for command in commands.values():
        yield command
        yield from command.subcommands.values()


def command(name: str, **fields: object) -> Callable[[Function], Function]:
    """
    Register the function below as command C{name}; the first line of its docstring is the summary.

    @param name: as on its documentation page; C{CLIENT ID} is the subcommand ID of the container CLIENT.
    @param fields: L{Command}'s; C{group} where it is not that of the module.
    """

    def register(function: Function) -> Function:
        _add(name, function, function.__module__, function.__doc__ or "", fields)
        return function

    return register


def container(name: str, module: str, summary: str, help_since: str = "5.0.0", **fields: object) -> None:
    """
    Register a command that does nothing but hold subcommands, which come after it. Its HELP comes by itself.

    @param module: C{__name__}.
    @param help_since: the Redis that brought HELP.
    """
    _add(name, None, module, summary, {"arity": -2, "complexity": "Depends on subcommand.", **fields})
    add_help(name, help_since)


def add_help(name: str, since: str = "5.0.0") -> None:
    """Register HELP for a command that has subcommands. L{container} does it for its own."""
    entry = COMMANDS[name.lower().encode()]
    about = {
        "arity": 2,
        "flags": "loading stale",
        "acl": " ".join(entry.categories),
        "since": since,
        "group": entry.group,
    }
    _add(f"{name} HELP", lambda session, argv: help_lines(entry), __name__, "Lists the subcommands.", about)


def _add(name: str, function: Function | None, module: str, doc: str, fields: dict[str, object]) -> None:
    family = module.rpartition(".")[2]
    summary = doc.strip().split("\n", 1)[0]
    facts = {"group": _GROUPS.get(family, family), **fields}
    entry = Command(name, function, summary=summary, **facts)  # type: ignore[arg-type]
    parent, _, sub = entry.name.partition(b"|")
    if sub:
        COMMANDS[parent].subcommands[sub] = entry
    else:
        COMMANDS[entry.name] = entry
