"""Tests for L{tseep.commands.data.geo}, with the places of Redis's documentation.

tests/differential/test_differential.py compares with redis-server.
"""

from __future__ import annotations

from tseep.test.support import SessionTests


class GeoTests(SessionTests):
    def setUp(self) -> None:
        super().setUp()
        self.assertReply(2, "GEOADD", "sicily", 13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania")

    def test_places(self) -> None:
        """GEOPOS returns coordinates to five decimals; GEOPOS and GEOHASH return null for a missing member."""
        (longitude, latitude), nothing = self.run_command("GEOPOS", "sicily", "Palermo", "Rome")
        self.assertAlmostEqual(13.361389, float(longitude), 5)
        self.assertAlmostEqual(38.115556, float(latitude), 5)
        self.assertIs(None, nothing)
        self.assertReply([b"sqc8b49rny0", None], "GEOHASH", "sicily", "Palermo", "Rome")

    def test_distance(self) -> None:
        """GEODIST returns a distance in any unit with four decimals."""
        self.assertReply(b"166274.1516", "GEODIST", "sicily", "Palermo", "Catania")
        self.assertReply(b"103.3182", "GEODIST", "sicily", "Palermo", "Catania", "mi")
        self.assertReply(None, "GEODIST", "sicily", "Palermo", "Rome")

    def test_out_of_range(self) -> None:
        """GEOADD refuses a latitude near a pole and then adds nothing."""
        self.assertError(
            "ERR invalid longitude,latitude pair 1.000000,86.000000", "GEOADD", "new", 1, 1, "x", 1, 86, "y"
        )
        self.assertReply(0, "EXISTS", "new")

    def test_circle(self) -> None:
        """GEOSEARCH and GEORADIUS find members within a radius; WITHDIST adds their distances."""
        self.assertReply(
            [[b"Catania", b"56.4413"], [b"Palermo", b"190.4424"]],
            *("GEOSEARCH", "sicily", "FROMLONLAT", 15, 37, "BYRADIUS", 200, "km", "ASC", "WITHDIST"),
        )
        self.assertReply([b"Catania"], "GEORADIUS", "sicily", 15, 37, 200, "km", "COUNT", 1)
        self.assertReply([b"Palermo"], "GEORADIUSBYMEMBER_RO", "sicily", "Palermo", 100, "km")

    def test_box(self) -> None:
        """GEOSEARCH BYBOX finds members within a box."""
        self.assertReply(
            [b"Palermo", b"Catania"],
            *("GEOSEARCH", "sicily", "FROMLONLAT", 15, 37, "BYBOX", 400, 400, "km", "DESC"),
        )
        self.assertReply([], "GEOSEARCH", "sicily", "FROMLONLAT", 15, 37, "BYBOX", 400, 1, "km")

    def test_antimeridian(self) -> None:
        """GEOSEARCH finds members on the other side of the 180th meridian."""
        self.run_command("GEOADD", "line", 179.9, 0, "west", -179.9, 0, "east")
        self.assertReply([b"west", b"east"], "GEOSEARCH", "line", "FROMMEMBER", "west", "BYRADIUS", 50, "km", "ASC")

    def test_store(self) -> None:
        """GEOSEARCHSTORE stores geohashes or distances as scores, and deletes the destination if it finds nothing."""
        search = ("sicily", "FROMLONLAT", 15, 37, "BYRADIUS")
        self.assertReply(2, "GEOSEARCHSTORE", "to", *search, 200, "km")
        self.assertReply(2, "ZCARD", "to")
        self.assertReply(1, "GEOSEARCHSTORE", "to", *search, 100, "km", "STOREDIST")
        self.assertEqual(56, int(float(self.run_command("ZSCORE", "to", "Catania"))))
        self.assertReply(0, "GEOSEARCHSTORE", "to", *search, 1, "km")
        self.assertReply(0, "EXISTS", "to")

    def test_resp3(self) -> None:
        """In RESP3 GEOPOS returns coordinates as doubles."""
        self.run_command("HELLO", 3)
        ((longitude, latitude),) = self.run_command("GEOPOS", "sicily", "Palermo")
        self.assertEqual((float, float), (type(longitude), type(latitude)))
