"""
Places on the earth as numbers that can be searched (redis/src/geohash.c, geohash_helper.c).

The world is halved again and again, by longitude and by latitude in turn, and each half is a bit. After 26 steps, 52
bits name a cell of some 60 centimetres, and a double can hold them. Cells with the same first bits are one larger
cell, whose places have consecutive numbers: so a search looks at one such cell and the eight around it.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import asin, cos, isfinite, nan, pi, sin, sqrt
from typing import NamedTuple

Range = tuple[float, float]

LONGITUDES: Range = (-180.0, 180.0)
LATITUDES: Range = (-85.05112878, 85.05112878)
"""What a map in Mercator's projection shows as a square."""

STEPS = 26

_EARTH_RADIUS = 6372797.560856
_MERCATOR_MAX = 20037726.37
_DEGREE = pi / 180
_WHOLE_LATITUDES: Range = (-90.0, 90.0)
_ALPHABET = b"0123456789bcdefghjkmnpqrstuvwxyz"

_DIRECTIONS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1))
"""The cells of a search in their order: eastwards and northwards from the one in the middle."""


class Cell(NamedTuple):
    """
    A rectangle of the world.

    @ivar x, y: how many of its size there are to the west and to the south of it.
    @ivar steps: how often the world was halved, each way, to make it.
    """

    x: int
    y: int
    steps: int

    @property
    def bits(self) -> int:
        """Its number: C{x} and C{y} bit by bit in turn, the last bit of C{y} last."""
        return 2 * int(f"{self.x:b}", 4) + int(f"{self.y:b}", 4)

    def bounds(self) -> tuple[Range, Range]:
        """Its longitudes and its latitudes."""
        size = 1 << self.steps
        return _part(self.x, size, LONGITUDES), _part(self.y, size, LATITUDES)

    def moved(self, east: int, north: int) -> Cell:
        """The cell beside it; around the world, if it ends there."""
        size = 1 << self.steps
        x = (self.x + east) % size if east else self.x
        y = (self.y + north) % size if north else self.y
        return Cell(x, y, self.steps)

    def scores(self) -> tuple[int, int]:
        """The least number of a place in it, and the least one above those."""
        shift = 2 * (STEPS - self.steps)
        bits = self.bits
        return bits << shift, (bits + 1) << shift


def _part(number: int, size: int, whole: Range) -> Range:
    """One of so many equal parts of a range."""
    low, high = whole
    following = (number + 1) & 0xFFFFFFFF  # as C counts
    return low + number / size * (high - low), low + following / size * (high - low)


def cell_at(longitude: float, latitude: float, steps: int = STEPS, latitudes: Range = LATITUDES) -> Cell:
    """The cell of some size that a place is in."""
    size = 1 << steps
    x = (longitude - LONGITUDES[0]) / (LONGITUDES[1] - LONGITUDES[0]) * size
    y = (latitude - latitudes[0]) / (latitudes[1] - latitudes[0]) * size
    return Cell(int(x), int(y), steps)


def is_on_map(longitude: float, latitude: float) -> bool:
    """Whether a place has a number."""
    return LONGITUDES[0] <= longitude <= LONGITUDES[1] and LATITUDES[0] <= latitude <= LATITUDES[1]


def position(score: float) -> tuple[float, float]:
    """The longitude and the latitude in the middle of the cell that a score names, whatever number it is."""
    digits = f"{_unsigned(score):064b}"
    return _middle(int(digits[::2], 2), LONGITUDES), _middle(int(digits[1::2], 2), LATITUDES)


def _middle(number: int, whole: Range) -> float:
    """The middle of one of the smallest parts of a range; not beyond its ends, whatever the number."""
    first, last = _part(number, 1 << STEPS, whole)
    return max(whole[0], min(whole[1], (first + last) / 2))


def _unsigned(score: float) -> int:
    """The score as an unsigned integer of 64 bits, as a C compiler's code for x86 would have it."""
    if -(2.0**63) <= score < 2.0**64:
        return int(score) & 0xFFFFFFFFFFFFFFFF
    return 2**63 if score < 0 else 0


def text(longitude: float, latitude: float) -> bytes:
    """The geohash of a place as everybody writes it, with eleven characters of which the last says nothing."""
    bits = cell_at(longitude, latitude, STEPS, _WHOLE_LATITUDES).bits
    return bytes(_ALPHABET[bits >> shift & 31] for shift in range(47, 0, -5)) + b"0"


def distance(longitude1: float, latitude1: float, longitude2: float, latitude2: float) -> float:
    """The meters between two places, on a sphere."""
    v = sin((longitude2 * _DEGREE - longitude1 * _DEGREE) / 2)
    if v == 0:
        return _distance_north(latitude1, latitude2)
    phi1, phi2 = latitude1 * _DEGREE, latitude2 * _DEGREE
    u = sin((phi2 - phi1) / 2)
    return 2.0 * _EARTH_RADIUS * asin(min(1.0, sqrt(u * u + cos(phi1) * cos(phi2) * v * v)))


def _distance_north(latitude1: float, latitude2: float) -> float:
    """The meters between two latitudes."""
    return _EARTH_RADIUS * abs(latitude2 * _DEGREE - latitude1 * _DEGREE)


class Shape:
    """
    A part of the world to be searched.

    @ivar longitude, latitude: its middle.
    @ivar half_width, half_height: meters from there to its sides.
    """

    def __init__(self, longitude: float, latitude: float, half_width: float, half_height: float) -> None:
        self.longitude = longitude
        self.latitude = latitude
        self.half_width = half_width
        self.half_height = half_height

    @property
    def reach(self) -> float:
        """Meters from its middle to the place that is farthest away."""
        raise NotImplementedError

    def distance_to(self, longitude: float, latitude: float) -> float | None:
        """Meters from its middle to a place; None if that is outside."""
        raise NotImplementedError

    def bounds(self) -> tuple[Range, Range]:
        """About which longitudes and which latitudes it covers."""
        degrees = self.half_height / _EARTH_RADIUS / _DEGREE
        edge = self.latitude + (degrees if self.latitude >= 0 else -degrees)
        width = self.half_width / _EARTH_RADIUS / _cosine(edge * _DEGREE) / _DEGREE
        return (self.longitude - width, self.longitude + width), (self.latitude - degrees, self.latitude + degrees)


class Circle(Shape):
    """All places within a number of meters."""

    @property
    def reach(self) -> float:
        """The radius."""
        return self.half_width

    def distance_to(self, longitude: float, latitude: float) -> float | None:
        """Meters from its middle to a place; None if that is outside."""
        meters = distance(self.longitude, self.latitude, longitude, latitude)
        return None if meters > self.half_width else meters


class Box(Shape):
    """All places within some meters to the east or west, and to the north or south."""

    @property
    def reach(self) -> float:
        """Half of the diagonal."""
        return sqrt(self.half_width * self.half_width + self.half_height * self.half_height)

    def distance_to(self, longitude: float, latitude: float) -> float | None:
        """Meters from its middle to a place; None if that is outside."""
        if _distance_north(latitude, self.latitude) > self.half_height:
            return None
        if distance(longitude, latitude, self.longitude, latitude) > self.half_width:
            return None
        return distance(self.longitude, self.latitude, longitude, latitude)


def _cosine(angle: float) -> float:
    return cos(angle) if isfinite(angle) else nan


def cells_to_search(shape: Shape) -> Iterator[Cell]:
    """The cells that have a shape's places in them, in Redis's order."""
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
    """How small cells may be, if a shape that reaches so far shall not reach over the neighbour's."""
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
    """Whether the cells around one reach as far as a shape does."""
    (westmost, eastmost), (southmost, northmost) = shape.bounds()
    (west, _), (south, _) = middle.moved(-1, 0).bounds()[0], middle.moved(0, -1).bounds()[1]
    (_, east), (_, north) = middle.moved(1, 0).bounds()[0], middle.moved(0, 1).bounds()[1]
    return not (north < northmost or south > southmost or east < eastmost or west > westmost)


def _useful_directions(middle: Cell, shape: Shape) -> list[tuple[int, int]]:
    """Where a shape reaches over the sides of the cell in its middle; of the largest cells all are searched."""
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
