"""Coordinates on the earth in sorted sets (https://redis.io/docs/latest/commands/?group=geo)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from tseep.algorithms.geohash import Box, Circle, Shape, cell_at, cells_to_search, distance, is_on_map, position, text
from tseep.algorithms.numeric import require_double, require_integer
from tseep.commands.data.sorted_sets import add, store_scores
from tseep.commands.data.typed import read
from tseep.datatypes.sorted_set import SortedSet
from tseep.errors import NOT_A_FLOAT, SYNTAX, CommandError
from tseep.registry.key_finders import RADIUS_OPTIONS, RADIUS_STORE_OPTIONS
from tseep.registry.options import read_options
from tseep.registry.table import command
from tseep.replies import NULL_ARRAY, Encoded, Reply

if TYPE_CHECKING:
    from tseep.session.session import Session

_UNITS = {b"m": 1.0, b"km": 1000.0, b"ft": 0.3048, b"mi": 1609.34}
_NO_MEMBER = "ERR could not decode requested zset member"
_EMPTY = SortedSet()


# Arguments


def _place(words: list[bytes]) -> tuple[float, float]:
    """
    Parse a longitude and a latitude.

    @raise CommandError: if they are not numbers, or out of range.
    """
    longitude, latitude = [require_double(word, NOT_A_FLOAT) for word in words]
    if not is_on_map(longitude, latitude):
        raise CommandError(f"ERR invalid longitude,latitude pair {longitude:f},{latitude:f}")
    return longitude, latitude


def _unit(word: bytes) -> float:
    """Return the length of a unit in meters."""
    meters = _UNITS.get(word.lower())
    if meters is None:
        raise CommandError("ERR unsupported unit provided. please use M, KM, FT, MI")
    return meters


def _radius(words: list[bytes]) -> tuple[float, float]:
    """Parse a radius and its unit; return both in meters."""
    radius = require_double(words[0], "ERR need numeric radius")
    if radius < 0:
        raise CommandError("ERR radius cannot be negative")
    unit = _unit(words[1])
    return radius * unit, unit


def _box(words: list[bytes]) -> tuple[float, float, float]:
    """Parse width, height and their unit; return all in meters."""
    width = require_double(words[0], "ERR need numeric width")
    height = require_double(words[1], "ERR need numeric height")
    if width < 0 or height < 0:
        raise CommandError("ERR height or width cannot be negative")
    unit = _unit(words[2])
    return width * unit, height * unit, unit


def _place_of(value: SortedSet, member: bytes) -> tuple[float, float]:
    score = value.score(member)
    if score is None:
        raise CommandError(_NO_MEMBER)
    return position(score)


# Coordinates


@command("GEOADD")
def geoadd(session: Session, argv: list[bytes]) -> Reply:
    at = 2
    while at < len(argv) and argv[at].upper() in (b"NX", b"XX", b"CH"):
        at += 1
    options = frozenset([word.upper() for word in argv[2:at]])
    if (len(argv) - at) % 3 or options >= {b"NX", b"XX"} or at == len(argv):
        raise CommandError(SYNTAX)
    places = [_place(argv[first : first + 2]) for first in range(at, len(argv), 3)]
    scores = [float(cell_at(*place).bits) for place in places]
    return add(session, argv[1], scores, argv[at + 2 :: 3], options)


@command("GEOPOS")
def geopos(session: Session, argv: list[bytes]) -> Reply:
    scores = (read(session, argv[1], SortedSet) or _EMPTY).scores
    return [_coordinates(session, position(scores[member])) if member in scores else NULL_ARRAY for member in argv[2:]]


def _coordinates(session: Session, place: tuple[float, float]) -> list[Any]:
    """Return coordinates for a reply, with the digits of a C{long double} in both versions of RESP."""
    texts = [(b"%.17f" % number).rstrip(b"0").rstrip(b".") for number in place]
    return [Encoded(b",%b\r\n" % text) for text in texts] if session.protocol == 3 else texts


@command("GEOHASH")
def geohash(session: Session, argv: list[bytes]) -> Reply:
    scores = (read(session, argv[1], SortedSet) or _EMPTY).scores
    return [text(*position(scores[member])) if member in scores else None for member in argv[2:]]


@command("GEODIST")
def geodist(session: Session, argv: list[bytes]) -> Reply:
    unit = _unit(argv[4]) if len(argv) == 5 else 1.0
    if len(argv) > 5:
        raise CommandError(SYNTAX)
    scores = (read(session, argv[1], SortedSet) or _EMPTY).scores
    if argv[2] not in scores or argv[3] not in scores:
        return None
    return _distance_text(distance(*position(scores[argv[2]]), *position(scores[argv[3]])) / unit)


def _distance_text(number: float) -> bytes:
    return b"%.4f" % number


# Searching


class _Found(NamedTuple):
    """A result of a search: the member with its score, its coordinates and its distance in meters."""

    member: bytes
    score: float
    place: tuple[float, float]
    meters: float


def _search(value: SortedSet, shape: Shape, limit: int) -> list[_Found]:
    """Return the members of a sorted set in a shape, at most C{limit} unless that is 0."""
    found = []
    for each in _within(value, shape):
        found.append(each)
        if len(found) == limit:
            break
    return found


def _within(value: SortedSet, shape: Shape) -> Iterator[_Found]:
    for cell in cells_to_search(shape):
        low, high = cell.scores()
        for member in value.members(value.below(low), value.below(high)):
            score = value.scores[member]
            place = position(score)
            meters = shape.distance_to(*place)
            if meters is not None:
                yield _Found(member, score, place, meters)


_SEARCHING = {**RADIUS_OPTIONS, b"frommember": 1, b"fromlonlat": 2, b"byradius": 2, b"bybox": 3}
_SEARCHING_TO_STORE = {**_SEARCHING, b"storedist": 0}
"""By option of GEOSEARCH and GEOSEARCHSTORE, the number of its parameters."""


class _Query:
    """
    A search of GEOSEARCH, GEORADIUS and related commands.

    @param value: the sorted set; None if the key does not exist.
    @param known: by option, the number of its parameters.
    @ivar shape: radius and unit, or width, height and unit, in meters.
    @ivar extras: the options WITHDIST, WITHHASH and WITHCOORD that were given.
    """

    def __init__(self, value: SortedSet | None, known: dict[bytes, int]) -> None:
        self.value = value
        self._known = known
        self._searches = b"frommember" in known
        self._stores = known is _SEARCHING_TO_STORE
        self.place: tuple[float, float] | None = None
        self.shape: tuple[float, ...] | None = None
        self.store: bytes | None = None
        self.store_distance = False
        self.extras: set[bytes] = set()
        self.order = b""
        self.count = 0
        self.any = self._from_member = self._from_place = False

    def read(self, argv: list[bytes], at: int) -> None:
        """
        Parse the options that start at index C{at}.

        @raise CommandError: if one is invalid, missing, or not compatible with another.
        """
        for option, _, parameters in read_options(argv, at, self._known):
            self._read_option(option, parameters)
        if (self.store is not None or self._stores) and self.extras:
            which = "GEOSEARCHSTORE" if self._stores else "STORE option in GEORADIUS"
            raise CommandError(f"ERR {which} is not compatible with WITHDIST, WITHHASH and WITHCOORD options")
        if self._searches and not (self._from_member or self._from_place):
            raise CommandError(b"ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for %b" % argv[0])
        if self._searches and self.shape is None:
            raise CommandError(b"ERR exactly one of BYRADIUS and BYBOX can be specified for %b" % argv[0])
        if self.any and not self.count:
            raise CommandError("ERR the ANY argument requires COUNT argument")

    def _read_option(self, option: bytes, parameters: list[bytes]) -> None:
        if option in (b"withdist", b"withhash", b"withcoord"):
            self.extras.add(option)
        elif option == b"any":
            self.any = True
        elif option in (b"asc", b"desc"):
            self.order = option
        elif option == b"count":
            self.count = require_integer(parameters[0])
            if self.count <= 0:
                raise CommandError("ERR COUNT must be > 0")
        elif option in (b"store", b"storedist"):
            self.store_distance = option == b"storedist"
            self.store = parameters[0] if parameters else None
        else:
            self._read_search(option, parameters)

    def _read_search(self, option: bytes, parameters: list[bytes]) -> None:
        if option == b"frommember" and not self._from_place:
            self._from_member = True
            if self.value is not None:
                self.place = _place_of(self.value, parameters[0])
        elif option == b"fromlonlat" and not self._from_member:
            self._from_place = True
            self.place = _place(parameters)
        elif option == b"byradius" and (self.shape is None or len(self.shape) == 2):
            self.shape = _radius(parameters)
        elif option == b"bybox" and (self.shape is None or len(self.shape) == 3):
            self.shape = _box(parameters)
        else:
            raise CommandError(SYNTAX)

    def answer(self, session: Session, event: bytes) -> Reply:
        """Return the results, or store them and return their number."""
        if self.value is None:
            if self.store is None:
                return []
            session.db.delete(self.store)
            return 0
        assert self.place is not None and self.shape is not None
        *sides, unit = self.shape
        shape = Circle(*self.place, sides[0], sides[0]) if len(sides) == 1 else Box(
            *self.place, sides[0] / 2, sides[1] / 2
        )  # fmt: skip
        found = self._ordered(_search(self.value, shape, self.count if self.any else 0))
        if self.store is None:
            return [self._with_extras(session, each, unit) for each in found]
        scores = {each.member: each.meters / unit if self.store_distance else each.score for each in found}
        return store_scores(session, self.store, scores, event)

    def _ordered(self, found: list[_Found]) -> list[_Found]:
        """Return the first C{count} results in order: the nearest, with a COUNT but no order."""
        if self.order or (self.count and not self.any):
            found.sort(key=lambda each: each.meters, reverse=self.order == b"desc")
        return found[: self.count] if self.count else found

    def _with_extras(self, session: Session, found: _Found, unit: float) -> Any:
        if not self.extras:
            return found.member
        reply: list[Any] = [found.member]
        if b"withdist" in self.extras:
            reply.append(_distance_text(found.meters / unit))
        if b"withhash" in self.extras:
            reply.append(int(found.score))
        if b"withcoord" in self.extras:
            reply.append(_coordinates(session, found.place))
        return reply


@command("GEOSEARCH")
def geosearch(session: Session, argv: list[bytes]) -> Reply:
    query = _Query(read(session, argv[1], SortedSet), _SEARCHING)
    query.read(argv, 2)
    return query.answer(session, b"")


@command("GEOSEARCHSTORE")
def geosearchstore(session: Session, argv: list[bytes]) -> Reply:
    query = _Query(read(session, argv[2], SortedSet), _SEARCHING_TO_STORE)
    query.read(argv, 3)
    query.store = argv[1]
    return query.answer(session, b"geosearchstore")


def _georadius(session: Session, argv: list[bytes], known: dict[bytes, int]) -> Reply:
    query = _Query(read(session, argv[1], SortedSet), known)
    query.place = _place(argv[2:4])
    query.shape = _radius(argv[4:6])
    query.read(argv, 6)
    return query.answer(session, b"georadiusstore")


def _georadius_of_member(session: Session, argv: list[bytes], known: dict[bytes, int]) -> Reply:
    query = _Query(read(session, argv[1], SortedSet), known)
    if query.value is not None:
        query.place = _place_of(query.value, argv[2])
        query.shape = _radius(argv[3:5])
    query.read(argv, 5)
    return query.answer(session, b"georadiusstore")


@command("GEORADIUS")
def georadius(session: Session, argv: list[bytes]) -> Reply:
    return _georadius(session, argv, RADIUS_STORE_OPTIONS)


@command("GEORADIUS_RO")
def georadius_ro(session: Session, argv: list[bytes]) -> Reply:
    return _georadius(session, argv, RADIUS_OPTIONS)


@command("GEORADIUSBYMEMBER")
def georadiusbymember(session: Session, argv: list[bytes]) -> Reply:
    return _georadius_of_member(session, argv, RADIUS_STORE_OPTIONS)


@command("GEORADIUSBYMEMBER_RO")
def georadiusbymember_ro(session: Session, argv: list[bytes]) -> Reply:
    return _georadius_of_member(session, argv, RADIUS_OPTIONS)
