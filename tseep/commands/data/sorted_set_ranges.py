"""Ranges of sorted sets: by rank, by score and lexicographical."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from tseep.algorithms.numeric import FLOAT, INFINITY, infinite, require_integer
from tseep.commands.data.sorted_sets import store_scores, with_scores
from tseep.commands.data.typed import read, to_change
from tseep.datatypes.sorted_set import SortedSet
from tseep.errors import SYNTAX, CommandError
from tseep.registry.table import command
from tseep.replies import Reply

if TYPE_CHECKING:
    from tseep.session.session import Session

NO_SCORES = "ERR min or max is not a float"
NO_WORDS = "ERR min or max not valid string range item"
NO_LIMIT = "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
NO_LEX_SCORES = "ERR syntax error, WITHSCORES not supported in combination with BYLEX"


Span = Callable[[SortedSet, bool], tuple[int, int]]
"""Function from a sorted set, and whether the order is reversed, to start and end of a range, as for a slice."""


# By rank


def rank_range(start_text: bytes, stop_text: bytes) -> Span:
    """
    Return the range between two ranks, both included. Negative ranks count from the highest score.

    @raise CommandError: if they are not integers.
    """
    start, stop = require_integer(start_text), require_integer(stop_text)

    def span(value: SortedSet, reverse: bool) -> tuple[int, int]:
        size = len(value)
        first = max(0, size + start if start < 0 else start)
        end = min(size, (size + stop if stop < 0 else stop) + 1)
        return (size - end, size - first) if reverse else (first, end)

    return span


# By score


def score_range(low_text: bytes, high_text: bytes) -> Span:
    """
    Return the range between two scores, which are included unless they have the prefix C{(}.

    @raise CommandError: if they are not numbers.
    """
    (low, after), (high, before) = _score(low_text), _score(high_text)

    def span(value: SortedSet, reverse: bool) -> tuple[int, int]:
        start = value.up_to(low) if after else value.below(low)
        return start, value.below(high) if before else value.up_to(high)

    return span


def _score(text: bytes) -> tuple[float, bool]:
    """Parse a bound like C's strtod, which accepts more than ZADD; return it, and whether it is excluded."""
    excluded = text.startswith(b"(")
    number = text[excluded:].partition(b"\0")[0]
    match = FLOAT.fullmatch(number.lstrip(b" \t\n\v\f\r") or b"0" * (not number))
    if match is None:
        raise CommandError(NO_SCORES)
    if match["infinite"]:
        return infinite(match), excluded
    try:
        return float(match[0]) if match["decimal"] else float.fromhex(match[0].decode()), excluded
    except OverflowError:
        return (-INFINITY if match["sign"] == b"-" else INFINITY), excluded


# Lexicographical


def lex_range(low_text: bytes, high_text: bytes) -> Span:
    """
    Return the range between two members, which are included with the prefix C{[}, excluded with C{(}. C{-} and C{+}
    are below and above all members.

    @raise CommandError: if a bound is none of these.
    """
    low, high = _cut(low_text, b"("), _cut(high_text, b"[")

    def span(value: SortedSet, reverse: bool) -> tuple[int, int]:
        if low is None or not value:
            return 0, 0
        if value.is_level() or value.encoding != b"listpack":
            return value.before(low), len(value) if high is None else value.before(high)
        return _lex_walk(list(value), low, high, reverse)

    return span


def _cut(text: bytes, after: bytes) -> bytes | None:
    """
    Return the bytes at which a bound divides the members; None if all are below.

    @param after: the prefix of a bound whose member is below the division. The next possible member is the same bytes
        with a zero byte appended.
    """
    mark, member = text[:1], text[1:]
    if mark in (b"(", b"[") and mark:
        return member + b"\0" if mark == after else member
    if mark in (b"-", b"+") and mark and not member.partition(b"\0")[0]:
        return b"" if mark == b"-" else None
    raise CommandError(NO_WORDS)


def _lex_walk(members: list[bytes], low: bytes, high: bytes | None, reverse: bool) -> tuple[int, int]:
    """Return start and end as Redis finds them in a listpack, also if scores differ, where the result is undefined."""
    above = [member >= low for member in members]
    below = [high is None or member < high for member in members]
    if not (above[-1] and below[0]):
        return 0, 0
    if reverse:
        stop = len(members) - below[::-1].index(True)
        return stop - [*above[:stop][::-1], False].index(False), stop
    start = above.index(True)
    return start, start + [*below[start:], False].index(False)


# Reading

_RANGES = {b"RANK": rank_range, b"SCORE": score_range, b"LEX": lex_range}


class _Query:
    """
    A query of ZRANGE or of one of its older forms.

    @param by: the kind of range, if the command determines it: a key of L{_RANGES}.
    @param reverse: the order, if the command determines it.
    """

    def __init__(self, by: bytes = b"", reverse: bool | None = None) -> None:
        self.by = by
        self.reverse = reverse
        self.offset, self.limit = 0, -1
        self.with_scores = False

    def read(self, argv: list[bytes], at: int, storing: bool = False) -> Span:
        """Parse the range, which starts at index C{at}, and the options after it."""
        if len(argv) > at + 2:
            self._options(argv[at + 2 :], storing)
        by = self.by or b"RANK"
        if by == b"RANK" and self.limit != -1:
            raise CommandError(NO_LIMIT)
        if by == b"LEX" and self.with_scores:
            raise CommandError(NO_LEX_SCORES)
        if by == b"RANK":
            self.offset = 0
        elif self.reverse:
            return _RANGES[by](argv[at + 1], argv[at])
        return _RANGES[by](argv[at], argv[at + 1])

    def _options(self, options: list[bytes], storing: bool) -> None:
        words = iter(options)
        left = len(options)
        for word in words:
            option = word.upper()
            left -= 1
            if option == b"WITHSCORES" and not storing:
                self.with_scores = True
            elif option == b"LIMIT" and left >= 2:
                self.offset, self.limit = require_integer(next(words)), require_integer(next(words))
                left -= 2
            elif option == b"REV" and self.reverse is None:
                self.reverse = True
            elif option in (b"BYSCORE", b"BYLEX") and not self.by:
                self.by = option[2:]
            else:
                raise CommandError(SYNTAX)

    def select(self, value: SortedSet, span: Span) -> list[bytes]:
        """Return the members in the range and LIMIT, in order."""
        reverse = bool(self.reverse)
        start, stop = span(value, reverse)
        if self.offset < 0:
            return []
        if reverse:
            stop -= self.offset
            start = max(start, stop - self.limit) if self.limit >= 0 else start
        else:
            start += self.offset
            stop = min(stop, start + self.limit) if self.limit >= 0 else stop
        members = value.members(start, stop) if start < stop else []
        if reverse:
            members.reverse()
        return members


def _range(session: Session, argv: list[bytes], query: _Query) -> Reply:
    span = query.read(argv, 2)
    value = read(session, argv[1], SortedSet)
    if value is None:
        return []
    members = query.select(value, span)
    return with_scores(session, members, value.scores) if query.with_scores else members


@command("ZRANGE")
def zrange(session: Session, argv: list[bytes]) -> Reply:
    return _range(session, argv, _Query())


@command("ZREVRANGE")
def zrevrange(session: Session, argv: list[bytes]) -> Reply:
    return _range(session, argv, _Query(b"RANK", True))


@command("ZRANGEBYSCORE")
def zrangebyscore(session: Session, argv: list[bytes]) -> Reply:
    return _range(session, argv, _Query(b"SCORE", False))


@command("ZREVRANGEBYSCORE")
def zrevrangebyscore(session: Session, argv: list[bytes]) -> Reply:
    return _range(session, argv, _Query(b"SCORE", True))


@command("ZRANGEBYLEX")
def zrangebylex(session: Session, argv: list[bytes]) -> Reply:
    return _range(session, argv, _Query(b"LEX", False))


@command("ZREVRANGEBYLEX")
def zrevrangebylex(session: Session, argv: list[bytes]) -> Reply:
    return _range(session, argv, _Query(b"LEX", True))


@command("ZRANGESTORE")
def zrangestore(session: Session, argv: list[bytes]) -> Reply:
    query = _Query()
    span = query.read(argv, 3, storing=True)
    value = read(session, argv[2], SortedSet) or SortedSet()
    chosen = {member: value.scores[member] for member in query.select(value, span)}
    return store_scores(session, argv[1], chosen, b"zrangestore")


# Count and remove


def _count(session: Session, key: bytes, span: Span) -> int:
    value = read(session, key, SortedSet)
    if value is None:
        return 0
    start, stop = span(value, False)
    return max(0, stop - start)


@command("ZCOUNT")
def zcount(session: Session, argv: list[bytes]) -> Reply:
    return _count(session, argv[1], score_range(argv[2], argv[3]))


@command("ZLEXCOUNT")
def zlexcount(session: Session, argv: list[bytes]) -> Reply:
    return _count(session, argv[1], lex_range(argv[2], argv[3]))


def _remove(session: Session, key: bytes, span: Span, event: bytes) -> int:
    value = to_change(session, key, SortedSet)
    if value is None:
        return 0
    start, stop = span(value, False)
    if start >= stop:
        return 0
    removed = value.remove_part(start, stop)
    session.db.shrunk(key, value, event, len(removed))
    return len(removed)


@command("ZREMRANGEBYRANK")
def zremrangebyrank(session: Session, argv: list[bytes]) -> Reply:
    return _remove(session, argv[1], rank_range(argv[2], argv[3]), b"zremrangebyrank")


@command("ZREMRANGEBYSCORE")
def zremrangebyscore(session: Session, argv: list[bytes]) -> Reply:
    return _remove(session, argv[1], score_range(argv[2], argv[3]), b"zremrangebyscore")


@command("ZREMRANGEBYLEX")
def zremrangebylex(session: Session, argv: list[bytes]) -> Reply:
    return _remove(session, argv[1], lex_range(argv[2], argv[3]), b"zremrangebylex")
