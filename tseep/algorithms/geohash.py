"""
Geohashes as the scores of a sorted set, and the cells to search for a radius or a box. Source: redis/src/geohash.c,
geohash_helper.c.

Each step halves longitude and latitude, which adds one bit for each. After 26 steps the 52 bits denote a cell of some
60 centimetres, and fit into a double. Cells with a common prefix form a larger cell, whose positions have consecutive
scores: a search reads the ranges of one such cell and of its eight neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import asin, cos, isfinite, nan, pi, sin, sqrt
from typing import NamedTuple

Range = tuple[float, float]

LONGITUDES: Range = (-180.0, 180.0)
LATITUDES: Range = (-85.05112878, 85.05112878)
"""The range of latitudes that makes the map a square in the Mercator projection."""

STEPS = 26

_EARTH_RADIUS = 6372797.560856
_MERCATOR_MAX = 20037726.37
_DEGREE = pi / 180
_WHOLE_LATITUDES: Range = (-90.0, 90.0)
_ALPHABET = b"0123456789bcdefghjkmnpqrstuvwxyz"

_DIRECTIONS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1))
"""The cells of a search in Redis's order: cells to the east, cells to the north of the centre."""


class Cell(NamedTuple):
    """
    A rectangle of longitudes and latitudes.

    @ivar x: number of cells of its size to the west of it.
    @ivar y: number of cells of its size to the south of it.
    @ivar steps: number of times that each range was halved.
    """

    x: int
    y: int
    steps: int

    @property
    def bits(self) -> int:
        """The geohash as an integer: the bits of C{x} and C{y} interleaved, the lowest from C{y}."""
        return 2 * int(f"{self.x:b}", 4) + int(f"{self.y:b}", 4)

    def bounds(self) -> tuple[Range, Range]:
        """The ranges of longitudes and of latitudes, in degrees."""
        size = 1 << self.steps
        return _part(self.x, size, LONGITUDES), _part(self.y, size, LATITUDES)

    def moved(self, east: int, north: int) -> Cell:
        """The neighbouring cell in a direction; wraps around at the edge of the map."""
        size = 1 << self.steps
        x = (self.x + east) % size if east else self.x
        y = (self.y + north) % size if north else self.y
        return Cell(x, y, self.steps)

    def scores(self) -> tuple[int, int]:
        """The range of scores of positions in it: the lowest one, and the first above the range."""
        shift = 2 * (STEPS - self.steps)
        bits = self.bits
        return bits << shift, (bits + 1) << shift


def _part(number: int, size: int, whole: Range) -> Range:
    """The bounds of part C{number} of a range that is divided into C{size} equal parts."""
    low, high = whole
    following = (number + 1) & 0xFFFFFFFF  # C's uint32_t
    return low + number / size * (high - low), low + following / size * (high - low)


def cell_at(longitude: float, latitude: float, steps: int = STEPS, latitudes: Range = LATITUDES) -> Cell:
    """The cell that contains a position, after the given number of steps."""
    size = 1 << steps
    x = (longitude - LONGITUDES[0]) / (LONGITUDES[1] - LONGITUDES[0]) * size
    y = (latitude - latitudes[0]) / (latitudes[1] - latitudes[0]) * size
    return Cell(int(x), int(y), steps)


def is_on_map(longitude: float, latitude: float) -> bool:
    """True if the position is in the ranges that geohashes cover."""
    return LONGITUDES[0] <= longitude <= LONGITUDES[1] and LATITUDES[0] <= latitude <= LATITUDES[1]


def position(score: float) -> tuple[float, float]:
    """The longitude and the latitude of the centre of a score's cell; every float is accepted."""
    digits = f"{_unsigned(score):064b}"
    return _middle(int(digits[::2], 2), LONGITUDES), _middle(int(digits[1::2], 2), LATITUDES)


def _middle(number: int, whole: Range) -> float:
    """The middle of part C{number} of a range after all steps, clamped to the range."""
    first, last = _part(number, 1 << STEPS, whole)
    return max(whole[0], min(whole[1], (first + last) / 2))


def _unsigned(score: float) -> int:
    """The score converted to uint64_t, as C compilers for x86-64 do it outside of the type's range."""
    if -(2.0**63) <= score < 2.0**64:
        return int(score) & 0xFFFFFFFFFFFFFFFF
    return 2**63 if score < 0 else 0


def text(longitude: float, latitude: float) -> bytes:
    """The standard geohash of a position (GEOHASH): eleven characters, of which the last is always C{0}."""
    bits = cell_at(longitude, latitude, STEPS, _WHOLE_LATITUDES).bits
    return bytes(_ALPHABET[bits >> shift & 31] for shift in range(47, 0, -5)) + b"0"


def distance(longitude1: float, latitude1: float, longitude2: float, latitude2: float) -> float:
    """The distance between two positions in meters, by the haversine formula."""
    v = sin((longitude2 * _DEGREE - longitude1 * _DEGREE) / 2)
    if v == 0:
        return _distance_north(latitude1, latitude2)
    phi1, phi2 = latitude1 * _DEGREE, latitude2 * _DEGREE
    u = sin((phi2 - phi1) / 2)
    return 2.0 * _EARTH_RADIUS * asin(min(1.0, sqrt(u * u + cos(phi1) * cos(phi2) * v * v)))


def _distance_north(latitude1: float, latitude2: float) -> float:
    """The distance between two latitudes in meters."""
    return _EARTH_RADIUS * abs(latitude2 * _DEGREE - latitude1 * _DEGREE)


class Shape:
    """
    An area to search.

    @ivar longitude: longitude of its centre, in degrees.
    @ivar latitude: latitude of its centre, in degrees.
    @ivar half_width: meters from its centre to its western and eastern edge.
    @ivar half_height: meters from its centre to its northern and southern edge.
    """

    def __init__(self, longitude: float, latitude: float, half_width: float, half_height: float) -> None:
        self.longitude = longitude
        self.latitude = latitude
        self.half_width = half_width
        self.half_height = half_height

    @property
    def reach(self) -> float:
        """Meters from the centre to the farthest point."""
        raise NotImplementedError

    def distance_to(self, longitude: float, latitude: float) -> float | None:
        """Meters from the centre to a position; None if it is outside."""
        raise NotImplementedError

    def bounds(self) -> tuple[Range, Range]:
        """The approximate ranges of longitudes and latitudes that it covers, in degrees."""
        degrees = self.half_height / _EARTH_RADIUS / _DEGREE
        edge = self.latitude + (degrees if self.latitude >= 0 else -degrees)
        width = self.half_width / _EARTH_RADIUS / _cosine(edge * _DEGREE) / _DEGREE
        return (self.longitude - width, self.longitude + width), (self.latitude - degrees, self.latitude + degrees)


class Circle(Shape):
    """The positions within C{half_width} meters of the centre (BYRADIUS)."""

    @property
    def reach(self) -> float:
        return self.half_width

    def distance_to(self, longitude: float, latitude: float) -> float | None:
        meters = distance(self.longitude, self.latitude, longitude, latitude)
        return None if meters > self.half_width else meters


class Box(Shape):
    """The positions within half the width and half the height of the centre (BYBOX)."""

    @property
    def reach(self) -> float:
        return sqrt(self.half_width * self.half_width + self.half_height * self.half_height)

    def distance_to(self, longitude: float, latitude: float) -> float | None:
        if _distance_north(latitude, self.latitude) > self.half_height:
            return None
        if distance(longitude, latitude, self.longitude, latitude) > self.half_width:
            return None
        return distance(self.longitude, self.latitude, longitude, latitude)


def _cosine(angle: float) -> float:
    return cos(angle) if isfinite(angle) else nan


def cells_to_search(shape: Shape) -> Iterator[Cell]:
    """The cells that together contain a shape, in Redis's order."""
    steps = _steps_for(shape.reach, shape.latitude)
    middle = cell_at(shape.longitude, shape.latitude, steps)
    if steps > 1 and not _covers(middle, shape):
        steps -= 1
        middle = cell_at(shape.longitude, shape.latitude, steps)
    last = None
    for east, north in _useful_directions(middle, shape):
        cell = middle.moved(east, north)
        if cell != last:
            yield cell
        last = cell


def _steps_for(meters: float, latitude: float) -> int:
    """The number of steps at which a shape of this reach still fits into a cell and its eight neighbours."""
    if not meters:
        return STEPS
    steps = -1
    while meters < _MERCATOR_MAX:
        meters *= 2
        steps += 1
    if abs(latitude) > 66:
        steps -= 2 if abs(latitude) > 80 else 1
    return max(1, min(STEPS, steps))


def _covers(middle: Cell, shape: Shape) -> bool:
    """True if a cell and its eight neighbours contain the shape."""
    (westmost, eastmost), (southmost, northmost) = shape.bounds()
    (west, _), (south, _) = middle.moved(-1, 0).bounds()[0], middle.moved(0, -1).bounds()[1]
    (_, east), (_, north) = middle.moved(1, 0).bounds()[0], middle.moved(0, 1).bounds()[1]
    return not (north < northmost or south > southmost or east < eastmost or west > westmost)


def _useful_directions(middle: Cell, shape: Shape) -> list[tuple[int, int]]:
    """The directions in which a shape extends over the edges of its central cell; all, for the largest cells."""
    if middle.steps < 2:
        return list(_DIRECTIONS)
    (west, east), (south, north) = middle.bounds()
    (westmost, eastmost), (southmost, northmost) = shape.bounds()
    useless = set()
    if west < westmost:
        useless.add((-1, 0))
    if east > eastmost:
        useless.add((1, 0))
    if south < southmost:
        useless.add((0, -1))
    if north > northmost:
        useless.add((0, 1))
    return [(x, y) for x, y in _DIRECTIONS if (x, 0) not in useless and (0, y) not in useless]
