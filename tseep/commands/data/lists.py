"""Commands on lists, with their blocking forms (https://redis.io/docs/latest/commands/?group=list)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Callable

from tseep.algorithms.numeric import LOWEST, integer, require_integer
from tseep.commands.arguments import NO_KEYS, require_seconds
from tseep.commands.data.typed import read, require_type, to_change
from tseep.coordination.blocking import NOT_YET, block
from tseep.datatypes.list import RedisList
from tseep.errors import NO_SUCH_KEY, SYNTAX, CommandError, wrong_arguments
from tseep.registry.table import command
from tseep.replies import NULL_ARRAY, OK, Reply

if TYPE_CHECKING:
    from tseep.session.session import Session

OUT_OF_RANGE = "ERR value is out of range, must be positive"

_ENDS = {b"left": True, b"right": False}


# Push and pop


def _push(session: Session, argv: list[bytes], left: bool) -> int:
    db, key = session.db, argv[1]
    value = db.get(key)
    event = b"lpush" if left else b"rpush"
    if value is None:
        elements = RedisList()
        (elements.extendleft if left else elements.extend)(argv[2:])
        db.set(key, elements, event, len(argv) - 2)
        return len(elements)
    if type(value) is not RedisList:
        require_type(value, RedisList)
    elements = value
    if len(argv) > 3:
        (elements.extendleft if left else elements.extend)(argv[2:])
    elif left:
        elements.appendleft(argv[2])
    else:
        elements.append(argv[2])
    db.changed(key, event, len(argv) - 2)
    return len(elements)


def _push_to_existing(session: Session, argv: list[bytes], left: bool) -> int:
    return 0 if to_change(session, argv[1], RedisList) is None else _push(session, argv, left)


@command("LPUSH")
def lpush(session: Session, argv: list[bytes]) -> Reply:
    return _push(session, argv, True)


@command("RPUSH")
def rpush(session: Session, argv: list[bytes]) -> Reply:
    return _push(session, argv, False)


@command("LPUSHX")
def lpushx(session: Session, argv: list[bytes]) -> Reply:
    return _push_to_existing(session, argv, True)


@command("RPUSHX")
def rpushx(session: Session, argv: list[bytes]) -> Reply:
    return _push_to_existing(session, argv, False)


def _take(session: Session, key: bytes, value: RedisList, left: bool) -> bytes:
    """Remove and return an element of the list C{value} at C{key}."""
    element = value.popleft() if left else value.pop()
    session.db.shrunk(key, value, b"lpop" if left else b"rpop")
    return element


def _take_several(session: Session, key: bytes, value: RedisList, left: bool, count: int) -> list[bytes]:
    pop = value.popleft if left else value.pop
    elements = [pop() for _ in range(min(count, len(value)))]
    session.db.shrunk(key, value, b"lpop" if left else b"rpop", len(elements))
    return elements


def _pop(session: Session, argv: list[bytes], left: bool) -> Reply:
    if len(argv) == 2:
        value = to_change(session, argv[1], RedisList)
        return None if value is None else _take(session, argv[1], value, left)
    if len(argv) > 3:
        raise wrong_arguments(argv[0].lower())
    count = integer(argv[2])
    if count is None or count < 0:
        raise CommandError(OUT_OF_RANGE)
    value = to_change(session, argv[1], RedisList)
    if value is None:
        return NULL_ARRAY
    return _take_several(session, argv[1], value, left, count) if count else []


@command("LPOP")
def lpop(session: Session, argv: list[bytes]) -> Reply:
    return _pop(session, argv, True)


@command("RPOP")
def rpop(session: Session, argv: list[bytes]) -> Reply:
    return _pop(session, argv, False)


# Reading


@command("LLEN")
def llen(session: Session, argv: list[bytes]) -> Reply:
    return len(read(session, argv[1], RedisList) or ())


@command("LRANGE")
def lrange(session: Session, argv: list[bytes]) -> Reply:
    start, stop = require_integer(argv[2]), require_integer(argv[3])
    value = read(session, argv[1], RedisList)
    if value is None:
        return []
    first, last = _places(start, stop, len(value))
    return value.span(first, last) if first <= last else []


def _places(start: int, stop: int, size: int) -> tuple[int, int]:
    """Return the first and the last index of a range; negative arguments count from the tail."""
    first = max(0, start + size if start < 0 else start)
    return first, min(stop + size if stop < 0 else stop, size - 1)


@command("LINDEX")
def lindex(session: Session, argv: list[bytes]) -> Reply:
    value = read(session, argv[1], RedisList)
    if value is None:
        return None
    index = require_integer(argv[2])
    return value[index] if -len(value) <= index < len(value) else None


@command("LPOS")
def lpos(session: Session, argv: list[bytes]) -> Reply:
    rank, count, most = _lpos_options(argv)
    value = read(session, argv[1], RedisList)
    if value is None:
        return None if count is None else []
    found = _matches(value, argv[2], rank, most)
    if count is None:
        return next(found, None)
    return [place for _, place in zip(range(count or len(value)), found)]


def _lpos_options(argv: list[bytes]) -> tuple[int, int | None, int]:
    """Return the RANK, the COUNT (None if omitted) and the MAXLEN of an LPOS."""
    rank, count, most = 1, None, 0
    for at in range(3, len(argv), 2):
        option = argv[at].lower()
        if at + 1 == len(argv):
            raise CommandError(SYNTAX)
        if option == b"rank":
            rank = require_integer(argv[at + 1])
            if rank == 0:
                raise CommandError(
                    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use "
                    "negative to start from the end of the list"
                )
            if rank == LOWEST:  # C cannot negate it, so that Redis skips nothing
                rank = -1
        elif option == b"count":
            count = _not_negative(argv[at + 1], "ERR COUNT can't be negative")
        elif option == b"maxlen":
            most = _not_negative(argv[at + 1], "ERR MAXLEN can't be negative")
        else:
            raise CommandError(SYNTAX)
    return rank, count, most


def _not_negative(text: bytes, error: str) -> int:
    number = integer(text)
    if number is None or number < 0:
        raise CommandError(error)
    return number


def _matches(value: RedisList, element: bytes, rank: int, most: int) -> Iterator[int]:
    """
    Yield the indexes of an element.

    @param rank: number of the first match that counts; negative: the search starts at the tail.
    @param most: number of elements to compare; 0: all.
    """
    return islice(value.places(element, most or len(value), backwards=rank < 0), abs(rank) - 1, None)


# Changes


@command("LSET")
def lset(session: Session, argv: list[bytes]) -> Reply:
    value = to_change(session, argv[1], RedisList)
    if value is None:
        raise CommandError(NO_SUCH_KEY)
    index = require_integer(argv[2])
    if not -len(value) <= index < len(value):
        raise CommandError("ERR index out of range")
    value[index] = argv[3]
    session.db.changed(argv[1], b"lset")
    return OK


@command("LINSERT")
def linsert(session: Session, argv: list[bytes]) -> Reply:
    where = argv[2].lower()
    if where not in (b"before", b"after"):
        raise CommandError(SYNTAX)
    value = to_change(session, argv[1], RedisList)
    if value is None:
        return 0
    place = next(value.places(argv[3], len(value)), None)
    if place is None:
        return -1
    value.insert(place + (where == b"after"), argv[4])
    session.db.changed(argv[1], b"linsert")
    return len(value)


@command("LREM")
def lrem(session: Session, argv: list[bytes]) -> Reply:
    count = require_integer(argv[2])
    value = to_change(session, argv[1], RedisList)
    if value is None:
        return 0
    removed = value.remove(argv[3], abs(count) or len(value), backwards=count < 0)
    if removed:
        session.db.shrunk(argv[1], value, b"lrem", removed)
    return removed


@command("LTRIM")
def ltrim(session: Session, argv: list[bytes]) -> Reply:
    start, stop = require_integer(argv[2]), require_integer(argv[3])
    value = to_change(session, argv[1], RedisList)
    if value is None:
        return OK
    before = len(value)
    value.trim(*_places(start, stop, before))
    session.db.shrunk(argv[1], value, b"ltrim", before - len(value))
    return OK


# Move between lists


def _end(word: bytes) -> bool:
    """Return True for LEFT, False for RIGHT; raise CommandError for others."""
    left = _ENDS.get(word.lower())
    if left is None:
        raise CommandError(SYNTAX)
    return left


def _move(session: Session, source: bytes, destination: bytes, from_left: bool, to_left: bool) -> Reply:
    """Move and return an element; return L{NOT_YET} if the source does not exist."""
    db = session.db
    value = to_change(session, source, RedisList)
    if value is None:
        return NOT_YET
    target = value if source == destination else to_change(session, destination, RedisList)
    element = value.popleft() if from_left else value.pop()
    if target is None:
        db.set(destination, RedisList([element]), b"lpush" if to_left else b"rpush")
    else:
        (target.appendleft if to_left else target.append)(element)
        db.changed(destination, b"lpush" if to_left else b"rpush")
    db.shrunk(source, value, b"lpop" if from_left else b"rpop", 0)
    return element


def _at_once(reply: Reply) -> Reply:
    return None if reply is NOT_YET else reply


@command("RPOPLPUSH")
def rpoplpush(session: Session, argv: list[bytes]) -> Reply:
    return _at_once(_move(session, argv[1], argv[2], False, True))


@command("LMOVE")
def lmove(session: Session, argv: list[bytes]) -> Reply:
    return _at_once(_move(session, argv[1], argv[2], _end(argv[3]), _end(argv[4])))


def _pop_options(argv: list[bytes], at: int) -> tuple[list[bytes], bool, int]:
    """Return the keys of an LMPOP, whether it pops at the left, and the COUNT."""
    number = integer(argv[at])
    if number is None or not 0 < number < 2**31:
        raise CommandError(NO_KEYS)
    keys, rest = argv[at + 1 : at + 1 + number], argv[at + 1 + number :]
    if not rest:
        raise CommandError(SYNTAX)
    left, count = _end(rest[0]), 1
    if len(rest) > 1:
        if len(rest) != 3 or rest[1].lower() != b"count":
            raise CommandError(SYNTAX)
        number = integer(rest[2])
        if number is None or number <= 0:
            raise CommandError("ERR count should be greater than 0")
        count = number
    return keys, left, count


def _pop_from(session: Session, key: bytes, left: bool, count: int) -> Reply:
    """Return LMPOP's reply for one key; L{NOT_YET} if it does not exist."""
    value = to_change(session, key, RedisList)
    return NOT_YET if value is None else [key, _take_several(session, key, value, left, count)]


def _first(keys: list[bytes], attempt: Callable[[bytes], Reply]) -> Reply:
    """Return the first result of C{attempt} that is not L{NOT_YET}; otherwise that."""
    for key in keys:
        reply = attempt(key)
        if reply is not NOT_YET:
            return reply
    return NOT_YET


@command("LMPOP")
def lmpop(session: Session, argv: list[bytes]) -> Reply:
    keys, left, count = _pop_options(argv, 1)
    reply = _first(keys, lambda key: _pop_from(session, key, left, count))
    return NULL_ARRAY if reply is NOT_YET else reply


# Blocking


def _patient(attempt: Callable[[bytes], Reply]) -> Callable[[bytes], Reply]:
    """Return C{attempt} for a blocked client, which ignores values of another type."""

    def serve(key: bytes) -> Reply:
        try:
            return attempt(key)
        except CommandError:
            return NOT_YET

    return serve


def _wait(session: Session, keys: list[bytes], timeout: int, attempt: Callable[[bytes], Reply]) -> Reply:
    reply = _first(keys, attempt)
    return reply if reply is not NOT_YET else block(session, keys, timeout, _patient(attempt))


def _blocking_pop(session: Session, argv: list[bytes], left: bool) -> Reply:
    timeout = require_seconds(argv[-1])

    def attempt(key: bytes) -> Reply:
        value = to_change(session, key, RedisList)
        return NOT_YET if value is None else [key, _take(session, key, value, left)]

    return _wait(session, argv[1:-1], timeout, attempt)


@command("BLPOP")
def blpop(session: Session, argv: list[bytes]) -> Reply:
    return _blocking_pop(session, argv, True)


@command("BRPOP")
def brpop(session: Session, argv: list[bytes]) -> Reply:
    return _blocking_pop(session, argv, False)


def _blocking_move(session: Session, argv: list[bytes], from_left: bool, to_left: bool) -> Reply:
    timeout = require_seconds(argv[-1])
    source, destination = argv[1], argv[2]
    reply = _move(session, source, destination, from_left, to_left)
    if reply is not NOT_YET:
        return reply
    if session.deny_blocking:
        return None  # unlike on timeout, which is a null array

    def serve(key: bytes) -> Reply:
        if type(session.db.peek(source)) is not RedisList:
            return NOT_YET
        return _move(session, source, destination, from_left, to_left)

    return block(session, [source], timeout, serve)


@command("BRPOPLPUSH")
def brpoplpush(session: Session, argv: list[bytes]) -> Reply:
    return _blocking_move(session, argv, False, True)


@command("BLMOVE")
def blmove(session: Session, argv: list[bytes]) -> Reply:
    return _blocking_move(session, argv, _end(argv[3]), _end(argv[4]))


@command("BLMPOP")
def blmpop(session: Session, argv: list[bytes]) -> Reply:
    keys, left, count = _pop_options(argv, 2)
    timeout = require_seconds(argv[1])
    return _wait(session, keys, timeout, lambda key: _pop_from(session, key, left, count))
