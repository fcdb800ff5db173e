"""Queries of the command table: COMMAND and its subcommands (https://redis.io/docs/latest/commands/command/)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Callable

from tseep.algorithms.glob import matcher
from tseep.errors import SYNTAX, CommandError
from tseep.registry.categories import categories_of
from tseep.registry.syntax import document
from tseep.registry.table import Command, command, iter_commands
from tseep.replies import Reply, SetReply, Status

if TYPE_CHECKING:
    from tseep.server.server import Server
    from tseep.session.session import Session


FLAGS = (
    "write", "readonly", "denyoom", "module", "admin", "pubsub", "noscript", "blocking", "loading", "stale",
    "skip_monitor", "skip_slowlog", "asking", "fast", "no_auth", "may_replicate", "no_mandatory_keys",
    "no_async_loading", "no_multi", "movablekeys", "allow_busy",
)  # fmt: skip
"""The flags of commands, in Redis's order."""


@command("COMMAND")
def command_(session: Session, argv: list[bytes]) -> Reply:
    return [_facts(entry) for entry in session.server.table.commands.values()]


@command("COMMAND COUNT")
def command_count(session: Session, argv: list[bytes]) -> Reply:
    return len(session.server.table.commands)


@command("COMMAND INFO")
def command_info(session: Session, argv: list[bytes]) -> Reply:
    if len(argv) == 2:
        return command_(session, argv)
    entries = [_named(session.server, name) for name in argv[2:]]
    return [None if entry is None else _facts(entry) for entry in entries]


def _named(server: Server, name: bytes) -> Command | None:
    """Return the command of a name such as C{get} or C{client|id}, or None."""
    first, _, second = name.lower().partition(b"|")
    entry = server.table.commands.get(first)
    return entry.subcommands.get(second) if entry is not None and second else entry


def _facts(entry: Command) -> list[Any]:
    """Return the properties in the order of COMMAND's reply (https://redis.io/docs/latest/commands/command/)."""
    return [
        entry.name,
        entry.arity,
        _words(flag for flag in FLAGS if flag in entry.flags),
        *entry.keys,
        _words(f"@{category}" for category in categories_of(entry)),
        SetReply(tip.encode() for tip in entry.tips),
        SetReply(_key_specifications(entry)),
        SetReply(_facts(subcommand) for subcommand in entry.subcommands.values()),
    ]


def _words(words: Iterable[str]) -> SetReply:
    return SetReply(Status(word.encode()) for word in words)


def _key_specifications(entry: Command) -> Iterator[dict[bytes, Any]]:
    """Yield the key specifications in the format of COMMAND INFO."""
    for specification in entry.specifications:
        yield {b"flags": _words(specification.flags), **specification.describe()}


@command("COMMAND DOCS")
def command_docs(session: Session, argv: list[bytes]) -> Reply:
    server = session.server
    entries = [_named(server, name) for name in argv[2:]] if len(argv) > 2 else server.table.commands.values()
    return {entry.name: _documentation(entry) for entry in entries if entry is not None}


def _documentation(entry: Command) -> dict[bytes, Any]:
    facts: dict[bytes, Any] = {
        b"summary": entry.summary.encode(),
        b"since": entry.since.encode(),
        b"group": entry.group.encode(),
        b"complexity": entry.complexity.encode(),
    }
    if entry.syntax:
        facts[b"arguments"] = document(entry.syntax, len(entry.specifications))
    if entry.subcommands:
        facts[b"subcommands"] = {sub.name: _documentation(sub) for sub in entry.subcommands.values()}
    return facts


@command("COMMAND LIST")
def command_list(session: Session, argv: list[bytes]) -> Reply:
    commands = session.server.table.commands
    if len(argv) == 2:
        return [entry.name for entry in iter_commands(commands)]
    test = _FILTERS.get(argv[3].lower()) if len(argv) == 5 and argv[2].lower() == b"filterby" else None
    if test is None:
        raise CommandError(SYNTAX)
    chosen = test(argv[4])
    return [entry.name for entry in iter_commands(commands) if chosen(entry)]


def _in_category(name: bytes) -> Callable[[Command], bool]:
    category = name.decode("utf-8", "replace").lower()
    return lambda entry: category in categories_of(entry)


def _with_name_like(pattern: bytes) -> Callable[[Command], bool]:
    match = matcher(pattern.lower())
    return lambda entry: match(entry.name)


_FILTERS: dict[bytes, Callable[[bytes], Callable[[Command], bool]]] = {
    b"module": lambda name: lambda entry: False,  # tseep has no modules
    b"aclcat": _in_category,
    b"pattern": _with_name_like,
}


@command("COMMAND GETKEYS")
def command_getkeys(session: Session, argv: list[bytes]) -> Reply:
    entry = _with_keys(session.server, argv[2:])
    keys = entry.keys_in(argv[2:])
    if not keys and "no_mandatory_keys" not in entry.flags:
        raise CommandError("ERR Invalid arguments specified for command")
    return keys


@command("COMMAND GETKEYSANDFLAGS")
def command_getkeysandflags(session: Session, argv: list[bytes]) -> Reply:
    entry = _with_keys(session.server, argv[2:])
    words = argv[2:]
    return [[words[place], _words(flags)] for place, flags in entry.uses_of_keys(words)]


def _with_keys(server: Server, argv: list[bytes]) -> Command:
    """
    Return the command of a call.

    @raise CommandError: if it does not exist, has no keys, or another number of arguments.
    """
    entry = server.table.commands.get(argv[0].lower())
    if entry is not None and entry.subcommands:
        entry = entry.subcommands.get(argv[1].lower()) if len(argv) > 1 else entry
    if entry is None:
        raise CommandError("ERR Invalid command specified")
    if not entry.specifications:
        raise CommandError("ERR The command has no key arguments")
    if not entry.takes(len(argv)):
        raise CommandError("ERR Invalid number of arguments specified for command")
    return entry
