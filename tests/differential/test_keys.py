"""
Every command accesses only the keys that its key specifications name, and only as these specify: ACL, client-side
caching and COMMAND GETKEYS see all that a call does. The calls are those of the differential test, with options
repeated and in any order; the server's keyspace itself records the accesses (L{tseep.test.touching}).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from ..support.client import Client, encode
from ..support.servers import Redis, Tseep, until
from . import families
from .grammar import Grammar
from .test_differential import _docs, _waits_for_ever

NOT_CALLED = {
    "shutdown": "ends the server",
    "debug": "names no key, as in Redis, and is off",
    "monitor": "leaves no replies",
    "quit": "closes the connection",
    "client|kill": "closes connections",
    "client|reply": "leaves no replies",
    "client|pause": "stops the next calls",
    "acl|deluser": "ends who asks",
    "acl|setuser": "ends who asks",
    "acl|load": "has no file",
    "acl|save": "has no file",
    "command|getkeys": "its arguments are a whole command",
    "command|getkeysandflags": "its arguments are a whole command",
    "save": "writes files",
    "bgsave": "writes files",
    "bgrewriteaof": "writes files",
    "config|set": "changes the server",
    "config|rewrite": "has no file",
    "config|resetstat": "forgets which commands ran",
    "script|kill": "nothing runs",
    "subscribe": "has several replies",
    "psubscribe": "has several replies",
    "ssubscribe": "has several replies",
    "unsubscribe": "has several replies",
    "punsubscribe": "has several replies",
    "sunsubscribe": "has several replies",
    "auth": "changes who asks",
    "hello": "changes how replies are read",
    "reset": "changes how replies are read",
}
"""Commands that are not called, with the reason."""

BEGIN = [
    *[call for group in ("hash", "list", "set", "sorted-set", "stream") for call in families.begin(group)],
    [b"SET", b"a", b"12"],
    [b"SET", b"b", b"text"],
]


@pytest.fixture(scope="module")
def watched() -> Iterator[Tseep]:
    """A tseep that checks the keys that its commands access, which do not depend on the mode."""
    with Tseep("v2", module="tseep.test.touching") as server:
        yield server
        assert "Traceback" not in server.output, server.output


@pytest.fixture
def touching(watched: Tseep) -> Iterator[Client]:
    """A client of that server, with an empty keyspace."""
    watched.flush()
    with watched.connect() as client:
        yield client


@pytest.fixture(scope="module")
def docs(oracle: Redis) -> dict[str, Any]:
    """redis-server's COMMAND DOCS of each command."""
    with oracle.connect() as client:
        return _docs(client)


def _names(docs: dict[str, Any]) -> set[str]:
    """Commands and subcommands, without containers."""
    return {full for name, about in docs.items() for full in about.get("subcommands") or [name]}


def _ask(client: Client, words: list[bytes]) -> None:
    if not _waits_for_ever(words) and b"BLOCK" not in [word.upper() for word in words]:
        reply = repr(client(*words))
        assert "TOUCHED" not in reply, reply


def test_what_is_touched_is_named(touching: Client, docs: dict[str, Any]) -> None:
    """Every command, whatever its options, reads and writes only the keys that its key specifications name."""
    grammar = Grammar(docs)
    names = sorted((_names(docs) & _names(_docs(touching))) - set(NOT_CALLED))
    touching("HELLO", 2)
    for name in names:

        @settings(max_examples=max(4, settings.default.max_examples // 5))
        @given(st.lists(st.sampled_from(BEGIN), max_size=4), st.lists(grammar.repeating(name), min_size=1, max_size=4))
        def check(begin: list[list[bytes]], calls: list[list[bytes]]) -> None:
            touching("FLUSHALL")
            for words in [*begin, *calls]:
                note(f"{words}")
                _ask(touching, words)
            touching("DISCARD")

        check()
    stats = touching("INFO", "commandstats").decode()
    ran = {line.partition(":")[0][len("cmdstat_") :] for line in stats.split() if ":calls=0," not in line}
    never = set(names) - ran
    assert not never, " ".join(sorted(never))


CALLS = """
XADD k 1-1 a 1
XADD streams 1-1 a 1
XGROUP CREATE k g 0
XREADGROUP NOACK GROUP g streams STREAMS k >
XREADGROUP COUNT 1 GROUP g streams STREAMS k k > 0
XREADGROUP GROUP g streams COUNT 1 STREAMS k >
XREAD COUNT 1 STREAMS k streams 0 0
RPUSH l 2 1
SORT l STORE one STORE two
SORT l BY STORE GET STORE STORE two
SORT l LIMIT 0 1 GET # STORE two DESC
SORT_RO l BY w_* GET x_* GET h_*->f
GEOADD p 13.361389 38.115556 x
GEORADIUS p 15 37 200 km STORE one STORE two
GEORADIUS p 15 37 200 km STOREDIST one STORE two
GEORADIUS p 15 37 200 km STORE one ASC COUNT 1 STOREDIST two
GEORADIUSBYMEMBER p x 200 km STORE one STORE two
GEOSEARCHSTORE to p FROMMEMBER x BYRADIUS 1 km STOREDIST
SET l x GET
SET s x EX 10
SET s x NX GET
BITFIELD s GET u8 0 SET u8 0 1
BITFIELD s GET u8 0
MULTI
SORT l STORE one STORE two
EXEC
EVAL return(redis.call('sort','l','store','one','store','two')) 0
BLMOVE none l LEFT LEFT 0.001
BZMPOP 0.001 2 none l MIN
"""


def test_options_that_hide_keys(touching: Client) -> None:
    """Calls with words that look like options, or with repeated options, declare all of their keys."""
    for line in CALLS.strip().splitlines():
        _ask(touching, line.encode().split())


def test_blocking_commands(watched: Tseep, touching: Client) -> None:
    """A blocking command declares the keys that it accesses when it is unblocked."""
    for words, then in (
        ("BLMOVE from to LEFT RIGHT 0", "RPUSH from x"),
        ("BRPOPLPUSH from to 0", "RPUSH from x"),
        ("BLMPOP 0 2 from other LEFT", "RPUSH other x"),
        ("BZMPOP 0 2 from other MIN", "ZADD other 1 x"),
        ("XREAD BLOCK 0 STREAMS from other $ $", "XADD other * f v"),
    ):
        touching("FLUSHALL")
        with watched.connect() as waiting:
            waiting.send(encode(*words.split()))
            until(lambda: b"blocked_clients:1" in touching("INFO", "clients"), f"{words} waits")
            touching(*then.split())
            assert "TOUCHED" not in repr(waiting.reply())
