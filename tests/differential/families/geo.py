"""Differential test of geo; see L{tests.differential.families}."""

from __future__ import annotations

from ..pool import Pool

GROUP = "geo"

MEMBERS = Pool([b"P", b"C", b"x", b"y", b"z"], [b"", b"\xff"])  # so few that Redis's sort leaves equal ones in order
DISTANCES = Pool(
    [b"0", b"1", b"100", b"200", b"1000", b"5000", b"12345.678", b"99999999"],
    [b"-1", b"inf", b"1e300", b"nan", b"abc", b"", b"-0"],
)

POOLS = {
    ("", "member"): MEMBERS,
    ("", "member1"): MEMBERS,
    ("", "member2"): MEMBERS,
    ("", "longitude"): Pool(
        [b"13.361389", b"15.087269", b"15", b"-122.4194", b"0", b"180", b"-180", b"179.99999"],
        [b"180.1", b"-1e300", b"inf", b"nan", b"abc", b""],
    ),
    ("", "latitude"): Pool(
        [b"38.115556", b"37.502669", b"37", b"0", b"85.05112878", b"-85.05112878", b"-70.5", b"81"],
        [b"85.06", b"-90", b"inf", b"nan", b"abc", b""],
    ),
    ("", "radius"): DISTANCES,
    ("", "width"): DISTANCES,
    ("", "height"): DISTANCES,
    **{(name, "key"): Pool([b"a", b"b"], [b"key:1"]) for name in ("geodist", "geosearch", "georadius")},
    **{
        (name, "count"): Pool([b"1", b"2", b"3", b"100"], [b"0", b"-1", b"abc", b"9223372036854775807"])
        for name in ("geosearch", "geosearchstore", "georadius", "georadius_ro", "georadiusbymember",
                     "georadiusbymember_ro")
    },
}  # fmt: skip

_SICILY = [b"13.361389", b"38.115556", b"P", b"15.087269", b"37.502669", b"C"]

BEGIN: list[list[bytes]] = [
    [b"GEOADD", b"a", *_SICILY],
    [b"GEOADD", b"b", *_SICILY, b"-122.4194", b"37.7749", b"x"],
    [b"GEOADD", b"a", b"180", b"80", b"x", b"-179.9", b"80", b"y", b"15.1", b"37.5", b"z"],
    [b"GEOADD", b"b", b"0", b"-81", b"x", b"170", b"-85", b"y", b"10", b"-81", b"z"],
    [b"GEOADD", b"key:1", b"1", b"1", b"C"],
    [b"ZADD", b"a", b"inf", b"x", b"-1", b"y", b"1.5", b"z"],
    [b"ZADD", b"b", b"1e19", b"P", b"4503599627370496", b"C"],
    [b"SET", b"key:1", b"string"],
]

LISTED = """
GEOADD a 13.361389 38.115556 P 15.087269 37.502669 C
GEOADD a NX CH XX 1 2
GEOADD a NX CH CH
GEOADD a CH 13.361389 38.115557 P 181 0 x
GEOADD a 181 0 x
GEOADD a 1e30 -1e300 x
GEOADD a inf 0 x
GEOADD a -0.0000001 90 x
GEODIST a P C M
GEODIST a P C ft ft
GEODIST nosuch P C mm
GEODIST a P nosuch
GEOPOS a
GEOPOS a P nosuch C
GEOPOS nosuch P
GEOHASH nosuch P
GEOHASH a P nosuch C
GEORADIUSBYMEMBER nosuch a b c
GEORADIUSBYMEMBER nosuch a b c STORE d
GEORADIUSBYMEMBER a nosuch b c
GEORADIUSBYMEMBER a P -1 c
GEORADIUS_RO a 0 0 1 km STORE d
GEORADIUSBYMEMBER_RO a P 1 km STOREDIST d
GEORADIUS a 15 37 200 km WITHCOORD WITHDIST WITHHASH DESC
GEORADIUS a 15 37 200 km STORE d STOREDIST e
ZRANGE e 0 -1 WITHSCORES
GEORADIUS a 15 37 200 km STOREDIST d STORE e
ZRANGE e 0 -1 WITHSCORES
GEORADIUS a 15 37 200 km STORE
GEORADIUS a 15 37 200 km STORE d WITHDIST
GEOSEARCH a FROMMEMBER P FROMMEMBER C BYRADIUS 1 m
GEOSEARCH a FROMMEMBER P FROMLONLAT 1 1 BYRADIUS 1 m
GEOSEARCH a BYRADIUS 1 m ASC DESC ASC
geosearch a FROMMEMBER P ASC DESC ASC
GEOSEARCH a FROMMEMBER P BYBOX 1 -1 m
GEOSEARCH a FROMMEMBER P BYBOX 1 x m
GEOSEARCH a FROMMEMBER P BYBOX x x m
GEOSEARCH a FROMMEMBER P BYBOX 400 400 km BYRADIUS 1 m
GEOSEARCH a FROMMEMBER P BYRADIUS 1 nounit
GEOSEARCH a FROMMEMBER P BYRADIUS 1 m ANY
GEOSEARCH a FROMMEMBER P BYRADIUS 1 m ANY COUNT 1
GEOSEARCH a FROMMEMBER P BYRADIUS 1 m COUNT
GEOSEARCH a FROMMEMBER P BYRADIUS 1 m STOREDIST
GEOSEARCH nosuch FROMMEMBER P BYRADIUS 1 m WITHDIST
GEOSEARCHSTORE d a FROMMEMBER P BYRADIUS 1 m WITHDIST
GEOSEARCHSTORE d a FROMMEMBER P BYBOX 400 400 km STOREDIST
ZRANGE d 0 -1 WITHSCORES
GEOSEARCHSTORE d nosuch FROMMEMBER P BYRADIUS 1 m
EXISTS d
COMMAND GETKEYS GEORADIUS a 0 0 1 m STORE d
COMMAND GETKEYS GEORADIUSBYMEMBER a m 1 m STOREDIST d
COMMAND GETKEYS GEOSEARCHSTORE d a FROMMEMBER P BYRADIUS 1 m
DEL a d e
"""
