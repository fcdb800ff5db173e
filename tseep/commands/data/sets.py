"""Commands on one set and on combinations of sets (https://redis.io/docs/latest/commands/?group=set)."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import TYPE_CHECKING, Callable

from tseep.algorithms.numeric import integer, require_count, require_room
from tseep.commands.arguments import NO_KEYS, card_limit, read_cursor, scan_options
from tseep.commands.data.scanning import step_of_value
from tseep.commands.data.typed import read, require_type, to_change
from tseep.datatypes.set import Set, fits_intset
from tseep.errors import SYNTAX, CommandError
from tseep.registry.table import command
from tseep.replies import Reply, SetReply

if TYPE_CHECKING:
    from tseep.session.session import Session

Members = Iterable[bytes]

_EMPTY = Set()


@command("SADD")
def sadd(session: Session, argv: list[bytes]) -> Reply:
    db, key = session.db, argv[1]
    value = to_change(session, key, Set)
    if value is None:
        value = Set.of(argv[2:])
        db.set(key, value, b"sadd", len(value))
        return len(value)
    added = 0
    for member in argv[2:]:
        added += value.add(member)
    if added:
        db.changed(key, b"sadd", added)
    return added


@command("SREM")
def srem(session: Session, argv: list[bytes]) -> Reply:
    value = to_change(session, argv[1], Set)
    if value is None:
        return 0
    removed = sum([value.discard(member) for member in argv[2:]])
    if removed:
        session.db.shrunk(argv[1], value, b"srem", removed)
    return removed


@command("SISMEMBER")
def sismember(session: Session, argv: list[bytes]) -> Reply:
    return int(argv[2] in (read(session, argv[1], Set) or _EMPTY))


@command("SMISMEMBER")
def smismember(session: Session, argv: list[bytes]) -> Reply:
    value = read(session, argv[1], Set) or _EMPTY
    return [int(member in value) for member in argv[2:]]


@command("SCARD")
def scard(session: Session, argv: list[bytes]) -> Reply:
    return len(read(session, argv[1], Set) or ())


@command("SMEMBERS")
def smembers(session: Session, argv: list[bytes]) -> Reply:
    return SetReply(read(session, argv[1], Set) or ())


@command("SPOP")
def spop(session: Session, argv: list[bytes]) -> Reply:
    if len(argv) > 3:
        raise CommandError(SYNTAX)
    if len(argv) == 3:
        return _pop_several(session, argv[1], argv[2])
    value = to_change(session, argv[1], Set)
    if value is None:
        return None
    member = value.pop()
    session.db.shrunk(argv[1], value, b"spop")
    return member


def _pop_several(session: Session, key: bytes, text: bytes) -> SetReply:
    count = integer(text)
    if count is None or count < 0:
        raise CommandError("ERR value is out of range, must be positive")
    value = to_change(session, key, Set)
    if value is None or not count:
        return SetReply()
    if count < len(value):
        members = SetReply(value.pop() for _ in range(count))
    else:
        members = _temporary(value)
        value.release(count)
    session.db.shrunk(key, value, b"spop", len(members))
    return members


@command("SRANDMEMBER")
def srandmember(session: Session, argv: list[bytes]) -> Reply:
    if len(argv) > 3:
        raise CommandError(SYNTAX)
    if len(argv) == 2:
        value = read(session, argv[1], Set)
        return None if value is None else value.pick()
    count = require_count(argv[2])
    members = (read(session, argv[1], Set) or _EMPTY).members
    if not members or not count:
        return []
    if count < 0:
        require_room(count, members)
        return random.choices(members, k=-count)
    return random.sample(members, count) if count < len(members) else list(members)


@command("SMOVE")
def smove(session: Session, argv: list[bytes]) -> Reply:
    _, source, destination, member = argv
    db = session.db
    value, other = db.get(source), db.get(destination)
    if value is None:
        return 0
    value, other = require_type(value, Set), require_type(other, Set)
    assert value is not None
    if source == destination or member not in value:
        return int(member in value)
    value.discard(member)
    db.shrunk(source, value, b"srem")
    if other is None:
        db.set(destination, Set.of([member]), b"sadd")
    elif other.add(member):
        db.changed(destination, b"sadd")
    return 1


# Several sets


def _sets(session: Session, keys: Iterable[bytes]) -> list[Set]:
    """Return the sets at keys, with an empty set for a key that does not exist."""
    return [read(session, key, Set) or _EMPTY for key in keys]


def _intersection(sets: list[Set]) -> Members:
    smallest, *others = sorted(sets, key=len)
    return (member for member in smallest if all(member in other for other in others))


def _union(sets: list[Set]) -> Members:
    return dict.fromkeys(member for each in sets for member in each)


def _difference(sets: list[Set]) -> Members:
    first, *others = sets
    return (member for member in first if not any(member in other for other in others))


def _temporary(members: Members) -> SetReply:
    """Return members in the order of the temporary set in which Redis collects them: integers by number, if few."""
    distinct = members if type(members) is dict else dict.fromkeys(members)
    return SetReply(sorted(distinct, key=int) if fits_intset(distinct) else distinct)


def _store(session: Session, key: bytes, members: Members, event: bytes) -> int:
    """Replace the value of a key by a set, or delete the key if the set is empty; return its size."""
    result = Set.of(members)
    if result:
        session.db.set(key, result, event)
    else:
        session.db.delete(key)
    return len(result)


@command("SINTER")
def sinter(session: Session, argv: list[bytes]) -> Reply:
    return SetReply(_intersection(_sets(session, argv[1:])))


@command("SUNION")
def sunion(session: Session, argv: list[bytes]) -> Reply:
    return _temporary(_union(_sets(session, argv[1:])))


@command("SDIFF")
def sdiff(session: Session, argv: list[bytes]) -> Reply:
    return _temporary(_difference(_sets(session, argv[1:])))


def _combine(session: Session, argv: list[bytes], combine: Callable[[list[Set]], Members], event: bytes) -> int:
    return _store(session, argv[1], combine(_sets(session, argv[2:])), event)


@command("SINTERSTORE")
def sinterstore(session: Session, argv: list[bytes]) -> Reply:
    return _combine(session, argv, _intersection, b"sinterstore")


@command("SUNIONSTORE")
def sunionstore(session: Session, argv: list[bytes]) -> Reply:
    return _combine(session, argv, _union, b"sunionstore")


@command("SDIFFSTORE")
def sdiffstore(session: Session, argv: list[bytes]) -> Reply:
    return _combine(session, argv, _difference, b"sdiffstore")


@command("SINTERCARD")
def sintercard(session: Session, argv: list[bytes]) -> Reply:
    keys, rest = numbered_keys(argv, 1)
    limit = card_limit(rest)
    count = 0
    for _ in _intersection(_sets(session, keys)):
        count += 1
        if count == limit:
            break
    return count


def numbered_keys(argv: list[bytes], at: int) -> tuple[list[bytes], list[bytes]]:
    """
    Return the keys, whose number is at index C{at}, and the arguments after them.

    @raise CommandError: if that number is not positive, or higher than the number of arguments.
    """
    count = integer(argv[at])
    if count is None or not 0 < count < 2**31:
        raise CommandError(NO_KEYS)
    if count > len(argv) - at - 1:
        raise CommandError("ERR Number of keys can't be greater than number of args")
    return argv[at + 1 : at + 1 + count], argv[at + 1 + count :]


@command("SSCAN")
def sscan(session: Session, argv: list[bytes]) -> Reply:
    cursor = read_cursor(argv[2])
    value = read(session, argv[1], Set)
    if value is None:
        return [b"0", []]
    count, matches = scan_options(argv)
    following, members = step_of_value(value, value.scan, cursor, count)
    return [following, members if matches is None else list(filter(matches, members))]
