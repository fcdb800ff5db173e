"""The data set as commands: the base of an append-only file with aof-use-rdb-preamble no (redis/src/aof.c)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any, Callable

from tseep.datatypes.hash import Hash, ListpackHash
from tseep.datatypes.list import RedisList
from tseep.datatypes.set import IntSet, Set
from tseep.datatypes.sorted_set import ListpackSortedSet, SortedSet
from tseep.datatypes.stream import Group, Stream, id_text
from tseep.protocol.resp import encode_command

if TYPE_CHECKING:
    from tseep.propagation.effects import Argv
    from tseep.server.server import Server

ITEMS_PER_COMMAND = 64
"""Maximum number of elements that one command adds (Redis: AOF_REWRITE_ITEMS_PER_CMD)."""

PIECE = 1 << 20
"""Bytes that are gathered before they are written."""


def as_commands(server: Server, after_key: Callable[[], None]) -> Iterator[bytes]:
    """
    Generate the commands that create the libraries and all keys.

    @param after_key: called after each key.
    """
    out: list[bytes] = []
    size = 0
    for argv in chain(_libraries(server), _databases(server, after_key)):
        size += encode_command(out, argv)
        if size >= PIECE:
            yield b"".join(out)
            out, size = [], 0
    yield b"".join(out)


def _libraries(server: Server) -> Iterator[Argv]:
    for library in server.scripting.functions.libraries.values():
        yield [b"FUNCTION", b"LOAD", library.code]


def _databases(server: Server, after_key: Callable[[], None]) -> Iterator[Argv]:
    for database in server.keyspace.databases:
        if database:
            yield [b"SELECT", b"%d" % database.number]
        for key, value in database.values.items():
            yield from _COMMANDS[type(value)](key, value)
            when = database.expires.get(key)
            if when is not None:
                yield [b"PEXPIREAT", key, b"%d" % when]
            after_key()


def _string(key: bytes, value: Any) -> Iterator[Argv]:
    yield [b"SET", key, bytes(value)]


def _elements(name: bytes, parts: Callable[[Any], Iterable[bytes]], per_item: int = 1) -> Callable[..., Iterator[Argv]]:
    """Return a function that generates commands which add the parts of a value, of which an item has C{per_item}."""

    def generate(key: bytes, value: Any) -> Iterator[Argv]:
        argv = [name, key]
        for part in parts(value):
            argv.append(part)
            if len(argv) == 2 + per_item * ITEMS_PER_COMMAND:
                yield argv
                argv = [name, key]
        if len(argv) > 2:
            yield argv

    return generate


def _scored(value: SortedSet) -> Iterable[bytes]:
    return chain.from_iterable((b"%.17g" % score, member) for member, score in value.scores.items())


def _stream(key: bytes, value: Stream) -> Iterator[Argv]:
    for id, fields in value.entries:
        yield [b"XADD", key, id_text(id), *fields]
    if not len(value):
        yield [b"XADD", key, b"MAXLEN", b"0", b"0-1", b"x", b"y"]  # an entry that is trimmed at once
    added, deleted = b"%d" % value.entries_added, id_text(value.max_deleted_id)
    yield [b"XSETID", key, id_text(value.last_id), b"ENTRIESADDED", added, b"MAXDELETEDID", deleted]
    for name, group in value.groups.items():
        yield from _group(key, name, group)


def _group(key: bytes, name: bytes, group: Group) -> Iterator[Argv]:
    read = -1 if group.entries_read is None else group.entries_read
    yield [b"XGROUP", b"CREATE", key, name, id_text(group.last_id), b"ENTRIESREAD", b"%d" % read]
    for consumer in group.consumers.values():
        yield [b"XGROUP", b"CREATECONSUMER", key, name, consumer.name]
    for id, pending in group.pending:
        state = [b"TIME", b"%d" % pending.time, b"RETRYCOUNT", b"%d" % pending.count]
        yield [b"XCLAIM", key, name, pending.consumer.name, b"0", id_text(id), *state, b"JUSTID", b"FORCE"]


_set = _elements(b"SADD", lambda value: value.members)
_hash = _elements(b"HSET", lambda value: chain.from_iterable(value.items()), 2)
_sorted_set = _elements(b"ZADD", _scored, 2)

_COMMANDS: dict[type, Callable[[bytes, Any], Iterator[Argv]]] = {
    bytes: _string,
    bytearray: _string,
    RedisList: _elements(b"RPUSH", iter),
    Set: _set,
    IntSet: _set,
    Hash: _hash,
    ListpackHash: _hash,
    SortedSet: _sorted_set,
    ListpackSortedSet: _sorted_set,
    Stream: _stream,
}
"""By type, the function that generates the commands for a key and its value."""
