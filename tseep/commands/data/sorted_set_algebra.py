"""Union, intersection and difference of sorted sets, and of sets as sorted sets whose scores are 1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from tseep.algorithms.numeric import require_double, require_integer
from tseep.commands.arguments import card_limit
from tseep.commands.data.sorted_sets import store_scores, with_scores
from tseep.datatypes.set import Set
from tseep.datatypes.sorted_set import SortedSet
from tseep.errors import SYNTAX, WRONG_TYPE, CommandError
from tseep.registry.table import command
from tseep.replies import Reply

if TYPE_CHECKING:
    from tseep.session.session import Session

Scores = dict[bytes, float]
Aggregate = Callable[[float, float], float]


def _sum(one: float, other: float) -> float:
    return _number(one + other)


def _lower(one: float, other: float) -> float:
    return other if other < one else one


def _higher(one: float, other: float) -> float:
    return other if other > one else one


def _number(score: float) -> float:
    """Return the score; 0 for NaN: the sum of opposite infinities, or infinity with the weight 0."""
    return score if score == score else 0.0


_AGGREGATES: dict[bytes, Aggregate] = {b"SUM": _sum, b"MIN": _lower, b"MAX": _higher}


class _Source(NamedTuple):
    """The scores at a key, empty if it does not exist, and their weight."""

    scores: Mapping[bytes, float]
    weight: float = 1.0


class _Query(NamedTuple):
    """Sources, aggregation and WITHSCORES of a command."""

    sources: list[_Source]
    aggregate: Aggregate
    with_scores: bool


# Arguments


def _sources(session: Session, argv: list[bytes], at: int) -> tuple[list[_Source], list[bytes]]:
    """Return the sources, whose number is at index C{at}, and the options after them."""
    count = require_integer(argv[at])
    if count < 1:
        raise CommandError(b"ERR at least 1 input key is needed for '%b' command" % argv[0].lower())
    if count > len(argv) - at - 1:
        raise CommandError(SYNTAX)
    keys = argv[at + 1 : at + 1 + count]
    return [_Source(_scores(session.db.read(key))) for key in keys], argv[at + 1 + count :]


def _scores(value: Any) -> Mapping[bytes, float]:
    if value is None:
        return {}
    if isinstance(value, SortedSet):
        return value.scores
    if isinstance(value, Set):
        return dict.fromkeys(value, 1.0)
    raise CommandError(WRONG_TYPE)


def _read(session: Session, argv: list[bytes], at: int, allowed: tuple[bytes, ...]) -> _Query:
    """Parse sources and options; raise CommandError for options other than C{allowed}."""
    sources, words = _sources(session, argv, at)
    aggregate: Aggregate = _sum
    scored = False
    while words:
        option = words[0].upper()
        if option not in allowed:
            raise CommandError(SYNTAX)
        if option == b"WITHSCORES":
            scored, words = True, words[1:]
        elif option == b"WEIGHTS" and len(words) > len(sources):
            weights, words = words[1 : 1 + len(sources)], words[1 + len(sources) :]
            sources = [_Source(source.scores, _weight(text)) for source, text in zip(sources, weights)]
        elif option == b"AGGREGATE" and len(words) > 1 and words[1].upper() in _AGGREGATES:
            aggregate, words = _AGGREGATES[words[1].upper()], words[2:]
        else:
            raise CommandError(SYNTAX)
    return _Query(sources, aggregate, scored)


def _weight(text: bytes) -> float:
    return require_double(text, "ERR weight value is not a float")


# Operations. Smaller sources come first, as in Redis, as sums of floats depend on the order.


def _by_size(sources: Iterable[_Source]) -> list[_Source]:
    return sorted(sources, key=lambda source: len(source.scores))


def _union(query: _Query) -> Scores:
    result: Scores = {}
    aggregate = query.aggregate
    for scores, weight in _by_size(query.sources):
        for member, score in scores.items():
            score = _number(score * weight)
            result[member] = aggregate(result[member], score) if member in result else score
    return result


def _intersection(query: _Query) -> Scores:
    result: Scores = {}
    (smallest, weight), *others = _by_size(query.sources)
    for member in _common(smallest, others):
        score = _number(smallest[member] * weight)
        for scores, other_weight in others:
            score = query.aggregate(score, scores[member] * other_weight)
        result[member] = score
    return result


def _common(members: Iterable[bytes], others: list[_Source]) -> Iterable[bytes]:
    return (member for member in members if all(member in other.scores for other in others))


def _difference(query: _Query) -> Scores:
    first, *others = query.sources
    scores = first.scores
    return {member: score for member, score in scores.items() if not any(member in other.scores for other in others)}


_Operation = Callable[[_Query], Scores]


def _answer(session: Session, argv: list[bytes], operation: _Operation, *options: bytes) -> Reply:
    query = _read(session, argv, 1, (b"WITHSCORES", *options))
    scores = operation(query)
    members = SortedSet(scores)
    return with_scores(session, members, scores) if query.with_scores else list(members)


def _store(session: Session, argv: list[bytes], operation: _Operation, event: bytes, *options: bytes) -> int:
    scores = operation(_read(session, argv, 2, options))
    return store_scores(session, argv[1], scores, event)


# Commands


_WEIGHING = (b"WEIGHTS", b"AGGREGATE")


@command("ZUNION")
def zunion(session: Session, argv: list[bytes]) -> Reply:
    return _answer(session, argv, _union, *_WEIGHING)


@command("ZINTER")
def zinter(session: Session, argv: list[bytes]) -> Reply:
    return _answer(session, argv, _intersection, *_WEIGHING)


@command("ZDIFF")
def zdiff(session: Session, argv: list[bytes]) -> Reply:
    return _answer(session, argv, _difference)


@command("ZUNIONSTORE")
def zunionstore(session: Session, argv: list[bytes]) -> Reply:
    return _store(session, argv, _union, b"zunionstore", *_WEIGHING)


@command("ZINTERSTORE")
def zinterstore(session: Session, argv: list[bytes]) -> Reply:
    return _store(session, argv, _intersection, b"zinterstore", *_WEIGHING)


@command("ZDIFFSTORE")
def zdiffstore(session: Session, argv: list[bytes]) -> Reply:
    return _store(session, argv, _difference, b"zdiffstore")


@command("ZINTERCARD")
def zintercard(session: Session, argv: list[bytes]) -> Reply:
    sources, options = _sources(session, argv, 1)
    limit = card_limit(options)
    smallest, *others = _by_size(sources)
    count = 0
    for _ in _common(smallest.scores, others):
        count += 1
        if count == limit:
            break
    return count
