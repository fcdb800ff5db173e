"""Tests for L{tseep.algorithms.geohash}; the numbers are those of redis-server 7.0.15."""

from __future__ import annotations

from math import inf, pi

from twisted.trial.unittest import SynchronousTestCase

from tseep.algorithms.geohash import (
    LATITUDES,
    LONGITUDES,
    STEPS,
    Box,
    Cell,
    Circle,
    cell_at,
    cells_to_search,
    distance,
    is_on_map,
    position,
    text,
)

PALERMO = (13.361389, 38.115556)
CATANIA = (15.087269, 37.502669)


class CellTests(SynchronousTestCase):
    """Places, their cells and their numbers."""

    def test_bits(self) -> None:
        """The first bit of a number is the half of the longitudes, the second that of the latitudes, and so on."""
        places = ((-90, -40), (-90, 40), (90, -40), (90, 40))
        self.assertEqual([cell_at(*place, 1).bits for place in places], [0, 1, 2, 3])
        self.assertEqual(cell_at(-1, 84, 2).bits, 0b0111)

    def test_scores(self) -> None:
        """Places have Redis's scores."""
        self.assertEqual(cell_at(*PALERMO).bits, 3479099956230698)
        self.assertEqual(cell_at(*CATANIA).bits, 3479447370796909)
        self.assertEqual(cell_at(-180, -85.05112878).bits, 0)
        self.assertEqual(cell_at(180, 85.05112878).bits, 13510798882111488)

    def test_bounds(self) -> None:
        """A cell knows its longitudes and latitudes."""
        self.assertEqual(Cell(1, 1, 1).bounds(), ((0, 180), (0, LATITUDES[1])))
        self.assertEqual(Cell(1, 0, 2).bounds(), ((-90, 0), (LATITUDES[0], LATITUDES[0] / 2)))

    def test_neighbours(self) -> None:
        """Cells go on around the world, to the other side."""
        corner = cell_at(179, 84, 3)
        self.assertEqual(corner.moved(1, 0), cell_at(-179, 84, 3))
        self.assertEqual(corner.moved(0, 1), cell_at(179, -84, 3))
        self.assertEqual(corner.moved(-1, -1), cell_at(130, 63, 3))
        self.assertEqual(cell_at(-179, -84, 3).moved(-1, -1), corner)

    def test_range(self) -> None:
        """The places in a cell have consecutive numbers."""
        low, high = cell_at(*PALERMO, 10).scores()
        self.assertEqual(high - low, 1 << 2 * (STEPS - 10))
        self.assertTrue(low <= cell_at(*PALERMO).bits < high)
        self.assertEqual(Cell(0, 3, STEPS).scores(), (5, 6))

    def test_on_map(self) -> None:
        """The poles are not on the map, its corners are."""
        for place in ((LONGITUDES[0], LATITUDES[0]), (LONGITUDES[1], LATITUDES[1])):
            self.assertTrue(is_on_map(*place))
        for place in ((0, 85.06), (0, -85.06), (180.1, 0), (-180.1, 0), (inf, 0)):
            self.assertFalse(is_on_map(*place))


class PositionTests(SynchronousTestCase):
    """From a score back to its place."""

    def test_middle(self) -> None:
        """A score stands for the middle of its cell."""
        self.assertEqual(position(3479099956230698.0), (13.361389338970184, 38.1155563954963))
        self.assertEqual(position(0.0), (-179.99999731779099, -85.05112751263943))

    def test_no_places(self) -> None:
        """A score that is none of a place is the place that C makes of it."""
        self.assertEqual(position(3.9), position(3.0))
        self.assertEqual(position(2.0**52 - 1), (179.99999731779099, 85.05112751263943))
        for score in (inf, 2.0**64):
            self.assertEqual(position(score), position(0.0))
        self.assertEqual(position(-inf), position(-(2.0**63)))
        self.assertEqual(position(2.0**63), position(-(2.0**63)))
        self.assertEqual(position(-(2.0**63)), (180.0, position(0.0)[1]))

    def test_text(self) -> None:
        """Geohashes are written as everywhere."""
        self.assertEqual(text(*position(3479099956230698.0)), b"sqc8b49rny0")
        self.assertEqual(text(*position(3479447370796909.0)), b"sqdtr74hyu0")
        self.assertEqual(text(0, 0), b"s0000000000")


class DistanceTests(SynchronousTestCase):
    """L{distance}."""

    def test_between(self) -> None:
        """Distances are those on a sphere."""
        places = position(3479099956230698.0), position(3479447370796909.0)
        self.assertEqual(distance(*places[0], *places[1]), 166274.15156960033)
        self.assertEqual(distance(*places[0], *places[0]), 0)

    def test_north(self) -> None:
        """Places of one longitude are as far apart as their latitudes, exactly."""
        self.assertEqual(distance(7, -80.00000108905891, 7, 80.0000010890589), 17796208.242264129)

    def test_opposite(self) -> None:
        """The farthest place is half of the way around, whatever rounding makes of it."""
        for degrees in range(0, 90):
            meters = distance(-90, degrees, 90, -degrees)
            self.assertLess(abs(meters - pi * 6372797.560856), 1)


class ShapeTests(SynchronousTestCase):
    """What is inside of a shape, and how far away."""

    def test_circle(self) -> None:
        """A circle has the places within its radius."""
        circle = Circle(*PALERMO, 166274, 166274)
        self.assertIsNone(circle.distance_to(*CATANIA))
        meters = Circle(*PALERMO, 166275, 166275).distance_to(*CATANIA)
        self.assertEqual(meters, distance(*PALERMO, *CATANIA))

    def test_box(self) -> None:
        """A box has the places that are neither too far to the side nor up or down."""
        across, along = distance(*CATANIA, PALERMO[0], CATANIA[1]), distance(0, PALERMO[1], 0, CATANIA[1])
        box = Box(*PALERMO, across + 1, along + 1)
        self.assertEqual(box.distance_to(*CATANIA), distance(*PALERMO, *CATANIA))
        self.assertIsNone(Box(*PALERMO, across - 1, along + 1).distance_to(*CATANIA))
        self.assertIsNone(Box(*PALERMO, across + 1, along - 1).distance_to(*CATANIA))

    def test_reach(self) -> None:
        """A circle reaches as far as its radius, a box as far as its corners."""
        self.assertEqual(Circle(0, 0, 5, 5).reach, 5)
        self.assertEqual(Box(0, 0, 3, 4).reach, 5)

    def test_bounds(self) -> None:
        """A shape covers more longitudes on its side to the pole, all around the middle."""
        for latitude in (60.0, -60.0):
            (west, east), (south, north) = Circle(10, latitude, 100000, 100000).bounds()
            self.assertAlmostEqual((west + east) / 2, 10)
            self.assertAlmostEqual((south + north) / 2, latitude)
            self.assertAlmostEqual(north - south, 1.7981, places=4)
            self.assertAlmostEqual(east - west, 3.6972, places=4)


class SearchTests(SynchronousTestCase):
    """L{cells_to_search}."""

    def test_inside_of_one(self) -> None:
        """A shape that lies in one cell needs that one only."""
        cell = cell_at(20, 1, 14)
        (west, east), (south, north) = cell.bounds()
        box = Box((west + east) / 2, (south + north) / 2, 1000, 1)
        self.assertEqual(list(cells_to_search(box)), [cell])

    def test_at_a_side(self) -> None:
        """A shape that reaches over a side needs the cell there, too."""
        cell = cell_at(20, 1, 14)
        (_, east), (south, north) = cell.bounds()
        box = Box(east - 0.001, (south + north) / 2, 1000, 1)
        self.assertEqual(list(cells_to_search(box)), [cell, cell.moved(1, 0)])

    def test_at_a_corner(self) -> None:
        """A shape that reaches over a corner needs four cells, in Redis's order."""
        middle, *others = cells_to_search(Circle(0, 0, 1000, 1000))
        self.assertEqual(others, [middle.moved(0, -1), middle.moved(-1, 0), middle.moved(-1, -1)])

    def test_nothing(self) -> None:
        """A circle without a radius needs the smallest cell."""
        self.assertIn(cell_at(*PALERMO), list(cells_to_search(Circle(*PALERMO, 0, 0))))

    def test_everything(self) -> None:
        """A circle around the world, or an infinite one, needs every cell of the largest once."""
        for meters in (3e7, 1e300, inf):
            cells = list(cells_to_search(Circle(*PALERMO, meters, meters)))
            self.assertEqual(sorted(cell.bits for cell in cells), [0, 1, 2, 3])

    def test_near_the_pole(self) -> None:
        """Where the meridians are near to each other, cells are larger."""
        steps = [next(iter(cells_to_search(Circle(1, latitude, 9000, 9000)))).steps for latitude in (1, 67, 81)]
        self.assertEqual(steps, [11, 10, 9])

    def test_all_found(self) -> None:
        """Every place in a shape lies in one of the cells, and in no two."""
        for shape in (Circle(13, 38, 3e5, 3e5), Circle(179.9, -70, 1e5, 1e5), Box(0.01, 0.01, 5e5, 1e3)):
            cells = list(cells_to_search(shape))
            (west, east), (south, north) = shape.bounds()
            for step in range(11 * 11):
                place = west + (east - west) * (step % 11) / 10, south + (north - south) * (step // 11) / 10
                if is_on_map(*place) and shape.distance_to(*place) is not None:
                    score = cell_at(*place).bits
                    self.assertEqual(sum(low <= score < high for low, high in (c.scores() for c in cells)), 1)
