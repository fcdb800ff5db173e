"""Sorted sets, without ranges and set operations (https://redis.io/docs/latest/commands/?group=sorted-set)."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Callable

from tseep.algorithms.numeric import HIGHEST, integer, require_count, require_double, require_room
from tseep.commands.arguments import read_cursor, require_seconds, scan_options
from tseep.commands.data.scanning import step_of_value
from tseep.commands.data.typed import read, to_change
from tseep.coordination.blocking import NOT_YET, block
from tseep.datatypes.sorted_set import SortedSet
from tseep.errors import SYNTAX, CommandError
from tseep.keyspace.scan import walk
from tseep.registry.table import command
from tseep.replies import NULL_ARRAY, Reply

if TYPE_CHECKING:
    from tseep.session.session import Session

NO_NUMBER = "ERR resulting score is not a number (NaN)"
NOT_POSITIVE = "ERR value is out of range, must be positive"

MOST_RANDOM = HIGHEST // 2
"""Maximum count of ZRANDMEMBER WITHSCORES, whose reply has two elements for each member."""


_OPTIONS = frozenset([b"NX", b"XX", b"GT", b"LT", b"CH", b"INCR"])
_NO_OPTIONS: frozenset[bytes] = frozenset()
_EMPTY = SortedSet()


# Helpers of all commands on sorted sets


def read_score(text: bytes) -> float:
    """
    Parse a score.

    @raise CommandError: if it is not a number.
    """
    if len(text) < 20 and text.replace(b".", b"", 1).isdigit():  # the usual form, which C{float} parses like C
        return float(text)
    return require_double(text)


def with_scores(session: Session, members: Iterable[bytes], scores: Mapping[bytes, float]) -> list[Any]:
    """Return members with their scores for a reply: pairs in RESP3, a flat list in RESP2."""
    if session.protocol == 3:
        return [[member, scores[member]] for member in members]
    return [part for member in members for part in (member, scores[member])]


def store_scores(session: Session, key: bytes, scores: dict[bytes, float], event: bytes) -> int:
    """Replace the value of a key by a sorted set, or delete the key if the set is empty; return its size."""
    if scores:
        session.db.set(key, SortedSet.of(scores), event)
    else:
        session.db.delete(key)
    return len(scores)


# Add


def add(
    session: Session, key: bytes, scores: Sequence[float], members: Sequence[bytes],
    options: Collection[bytes] = _NO_OPTIONS,
) -> Reply:  # fmt: skip
    """
    Execute ZADD after its arguments were parsed.

    @param options: in capitals, compatible with each other. With INCR there must be one member.
    @return: the number of new members, with CH including changed ones; with INCR the new score, or None if the options
        do not allow the change.
    @raise CommandError: if the value is not a sorted set, or the result of INCR is NaN.
    """
    value = to_change(session, key, SortedSet)
    exists = value is not None
    if value is None:
        value = SortedSet.of({})
    before, changes, score = len(value), 0, None
    current_score = value.scores.get
    for member, given in zip(members, scores):
        current = current_score(member)
        score = _to_be(current, given, options) if options else given
        if score is not None and score != current:
            value.set(member, score)
            changes += 1
    event = b"zincr" if b"INCR" in options else b"zadd"
    if changes and exists:
        session.db.changed(key, event, changes)
    elif changes:
        session.db.set(key, value, event, changes)
    if b"INCR" in options:
        return score
    return changes if b"CH" in options else len(value) - before


def _to_be(current: float | None, given: float, options: Collection[bytes]) -> float | None:
    """Return the new score of a member (C{current} is None for a new member); None: no change."""
    if current is None:
        return None if b"XX" in options else given
    if b"NX" in options:
        return None
    score = current + given if b"INCR" in options else given
    if score != score:
        raise CommandError(NO_NUMBER)
    kept = (b"GT" in options and score <= current) or (b"LT" in options and score >= current)
    return None if kept else score


@command("ZADD")
def zadd(session: Session, argv: list[bytes]) -> Reply:
    at = 2
    if argv[2].isalpha():  # an option, or a score in letters
        while at < len(argv) and argv[at].upper() in _OPTIONS:
            at += 1
    elif len(argv) == 4:
        return _add_one(session, argv[1], read_score(argv[2]), argv[3])
    options = frozenset([word.upper() for word in argv[2:at]]) if at > 2 else _NO_OPTIONS
    if (len(argv) - at) % 2 or at == len(argv):
        raise CommandError(SYNTAX)
    if options:
        _check_options(options, len(argv) - at)
    return add(session, argv[1], [read_score(text) for text in argv[at::2]], argv[at + 1 :: 2], options)


def _add_one(session: Session, key: bytes, score: float, member: bytes) -> int:
    """Execute a ZADD with one member and without options, the most frequent form, faster than L{add}."""
    db = session.db
    value = to_change(session, key, SortedSet)
    if value is None:
        db.set(key, SortedSet.of({member: score}), b"zadd")
        return 1
    current = value.scores.get(member)
    if current != score:
        value.set(member, score)
        db.changed(key, b"zadd")
    return int(current is None)


def _check_options(options: frozenset[bytes], words: int) -> None:
    """Raise CommandError for options that exclude each other, or INCR with more than one pair of C{words}."""
    if options >= {b"NX", b"XX"}:
        raise CommandError("ERR XX and NX options at the same time are not compatible")
    if len(options & {b"GT", b"LT", b"NX"}) > 1:
        raise CommandError("ERR GT, LT, and/or NX options at the same time are not compatible")
    if b"INCR" in options and words > 2:
        raise CommandError("ERR INCR option supports a single increment-element pair")


@command("ZINCRBY")
def zincrby(session: Session, argv: list[bytes]) -> Reply:
    return add(session, argv[1], [read_score(argv[2])], argv[3:], (b"INCR",))


@command("ZREM")
def zrem(session: Session, argv: list[bytes]) -> Reply:
    value = to_change(session, argv[1], SortedSet)
    if value is None:
        return 0
    removed = sum([value.remove(member) for member in argv[2:]])
    if removed:
        session.db.shrunk(argv[1], value, b"zrem", removed)
    return removed


# Reading


@command("ZSCORE")
def zscore(session: Session, argv: list[bytes]) -> Reply:
    return (read(session, argv[1], SortedSet) or _EMPTY).scores.get(argv[2])


@command("ZMSCORE")
def zmscore(session: Session, argv: list[bytes]) -> Reply:
    return list(map((read(session, argv[1], SortedSet) or _EMPTY).scores.get, argv[2:]))


@command("ZCARD")
def zcard(session: Session, argv: list[bytes]) -> Reply:
    return len(read(session, argv[1], SortedSet) or ())


@command("ZRANK")
def zrank(session: Session, argv: list[bytes]) -> Reply:
    return (read(session, argv[1], SortedSet) or _EMPTY).rank(argv[2])


@command("ZREVRANK")
def zrevrank(session: Session, argv: list[bytes]) -> Reply:
    value = read(session, argv[1], SortedSet) or _EMPTY
    rank = value.rank(argv[2])
    return None if rank is None else len(value) - 1 - rank


@command("ZRANDMEMBER")
def zrandmember(session: Session, argv: list[bytes]) -> Reply:
    if len(argv) == 2:
        value = read(session, argv[1], SortedSet)
        return None if value is None else _at_random(value, 1)[0]
    count = require_count(argv[2])
    if len(argv) > 4 or (len(argv) == 4 and argv[3].lower() != b"withscores"):
        raise CommandError(SYNTAX)
    if len(argv) == 4 and abs(count) > MOST_RANDOM:
        raise CommandError("ERR value is out of range")
    value = read(session, argv[1], SortedSet) or _EMPTY
    if value and count < 0:
        require_room(count, value, *([[b""] * len(value)] if len(argv) == 4 else []))
    members = _at_random(value, count) if value and count else []
    return with_scores(session, members, value.scores) if len(argv) == 4 else members


def _at_random(value: SortedSet, count: int) -> list[bytes]:
    """Return C{count} distinct random members; if it is negative, -C{count} members with repetitions."""
    size = len(value)
    if count >= size:
        return list(reversed(value))
    if -count > size:
        return random.choices(list(value), k=-count)
    places = range(size)
    chosen = random.choices(places, k=-count) if count < 0 else random.sample(places, count)
    return [value.members(place, place + 1)[0] for place in chosen]


@command("ZSCAN")
def zscan(session: Session, argv: list[bytes]) -> Reply:
    cursor = read_cursor(argv[2])
    value = read(session, argv[1], SortedSet)
    if value is None:
        return [b"0", []]
    count, matches = scan_options(argv)
    scores = value.scores
    following, members = step_of_value(value, partial(walk, scores), cursor, count)
    chosen = members if matches is None else filter(matches, members)
    return [following, [part for member in chosen for part in (member, b"%.17g" % scores[member])]]


# Pop

Attempt = Callable[[bytes], Reply]
"""Function from a key to the reply, or to L{NOT_YET} if the key does not exist."""


def _pop(session: Session, key: bytes, value: SortedSet, highest: bool, count: int = 1) -> list[tuple[bytes, float]]:
    """Remove and return members of one end of a sorted set, the outermost first."""
    size = len(value)
    count = min(count, size)
    pairs = value.remove_part(size - count, size)[::-1] if highest else value.remove_part(0, count)
    session.db.shrunk(key, value, b"zpopmax" if highest else b"zpopmin", count)
    return [(member, score) for score, member in pairs]


def _zpop(session: Session, argv: list[bytes], highest: bool) -> Reply:
    if len(argv) > 3:
        raise CommandError(SYNTAX)
    count = integer(argv[2]) if len(argv) == 3 else 1
    if count is None or count < 0:
        raise CommandError(NOT_POSITIVE)
    value = to_change(session, argv[1], SortedSet)
    if value is None or not count:
        return []
    pairs = _pop(session, argv[1], value, highest, count)
    if len(argv) == 3 and session.protocol == 3:
        return list(map(list, pairs))
    return [part for pair in pairs for part in pair]


@command("ZPOPMIN")
def zpopmin(session: Session, argv: list[bytes]) -> Reply:
    return _zpop(session, argv, False)


@command("ZPOPMAX")
def zpopmax(session: Session, argv: list[bytes]) -> Reply:
    return _zpop(session, argv, True)


def _mpop_options(argv: list[bytes], at: int) -> tuple[list[bytes], bool, int]:
    """Return the keys, whose number is at index C{at}, whether MAX follows them, and the COUNT."""
    numkeys = integer(argv[at])
    if numkeys is None or numkeys < 1:
        raise CommandError("ERR numkeys should be greater than 0")
    keys = argv[at + 1 : at + 1 + numkeys]
    end, *options = argv[at + 1 + numkeys :] or [b""]
    if end.upper() not in (b"MIN", b"MAX"):
        raise CommandError(SYNTAX)
    return keys, end.upper() == b"MAX", _count_option(options)


def _count_option(options: list[bytes]) -> int:
    if not options:
        return 1
    if len(options) < 2 or options[0].upper() != b"COUNT":
        raise CommandError(SYNTAX)
    count = integer(options[1])
    if count is None or count < 1:
        raise CommandError("ERR count should be greater than 0")
    if len(options) > 2:
        raise CommandError(SYNTAX)
    return count


def _mpop(session: Session, highest: bool, count: int) -> Attempt:
    def attempt(key: bytes) -> Reply:
        value = to_change(session, key, SortedSet)
        return NOT_YET if value is None else [key, list(map(list, _pop(session, key, value, highest, count)))]

    return attempt


def _first(keys: Iterable[bytes], attempt: Attempt) -> Reply:
    """Return the first result of C{attempt} that is not L{NOT_YET}; otherwise that."""
    return next((reply for reply in map(attempt, keys) if reply is not NOT_YET), NOT_YET)


@command("ZMPOP")
def zmpop(session: Session, argv: list[bytes]) -> Reply:
    keys, highest, count = _mpop_options(argv, 1)
    reply = _first(keys, _mpop(session, highest, count))
    return NULL_ARRAY if reply is NOT_YET else reply


# Blocking


def _wait(session: Session, keys: list[bytes], timeout: int, attempt: Attempt) -> Reply:
    def serve(key: bytes) -> Reply:
        """Serve a blocked client, which ignores values of another type."""
        return attempt(key) if isinstance(session.db.peek(key), SortedSet) else NOT_YET

    reply = _first(keys, attempt)
    return reply if reply is not NOT_YET else block(session, keys, timeout, serve)


def _bzpop(session: Session, argv: list[bytes], highest: bool) -> Reply:
    timeout = require_seconds(argv[-1])

    def attempt(key: bytes) -> Reply:
        value = to_change(session, key, SortedSet)
        return NOT_YET if value is None else [key, *_pop(session, key, value, highest)[0]]

    return _wait(session, argv[1:-1], timeout, attempt)


@command("BZPOPMIN")
def bzpopmin(session: Session, argv: list[bytes]) -> Reply:
    return _bzpop(session, argv, False)


@command("BZPOPMAX")
def bzpopmax(session: Session, argv: list[bytes]) -> Reply:
    return _bzpop(session, argv, True)


@command("BZMPOP")
def bzmpop(session: Session, argv: list[bytes]) -> Reply:
    keys, highest, count = _mpop_options(argv, 2)
    return _wait(session, keys, require_seconds(argv[1]), _mpop(session, highest, count))
