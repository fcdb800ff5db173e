"""
What a command does besides its reply: it aborts the transactions that watch its keys, invalidates client-side caches,
publishes keyspace events, and counts as a change, which the append-only file records. These are four things; which of
them happen differs from command to command, and depends on whether the command changes something.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from ..support.client import Client
from ..support.servers import Redis, Tseep

KEYS = [b"a", b"b", b"c"]

CASES = {
    "string": """
SET a 1
SET a 1 | SET a 1
SET a 1 | SET a 2 NX
SET a 2 XX
SET a 1 | SET a 2 GET
SET a 1 | SET a 2 XX KEEPTTL
SET a 1 | SET a 2 EX 100
SET a 1 | SET a 2 PXAT 1
SETNX a 1
SET a 1 | SETNX a 1
SETEX a 100 1
PSETEX a 100000 1
SET a 1 | GETSET a 1
GETSET a 1
SET a 1 | GETDEL a
GETDEL a
SET a 1 | GETEX a
SET a 1 | GETEX a EX 100
SET a 1 EX 100 | GETEX a PERSIST
SET a 1 | GETEX a PERSIST
SET a 1 | GETEX a PXAT 1
GETEX a EX 100
APPEND a x
SET a x | APPEND a y
SET a x | APPEND a ""
APPEND a ""
SETRANGE a 0 x
SET a x | SETRANGE a 0 x
SET a x | SETRANGE a 0 ""
SETRANGE a 0 ""
INCR a
SET a x | INCR a
SET a 1 | INCRBY a 0
SET a 1 | DECRBY a 0
SET a 1 | DECR a
SET a 1 | INCRBYFLOAT a 0
INCRBYFLOAT a 1.5
MSET a 1 b 2
SET a 1 | MSET a 1 b 1
MSETNX a 1 b 2
SET a 1 | MSETNX a 1 b 2
SUBSTR a 0 1
GETRANGE a 0 1
LCS a b
""",
    "bitmap": """
SETBIT a 1 1
SETBIT a 1 0
SETBIT a 1 1 | SETBIT a 1 1
SETBIT a 1 1 | SETBIT a 1 0
SETBIT a 1 1 | SETBIT a 100 0
BITFIELD a SET u8 0 1
BITFIELD a SET u8 0 0
BITFIELD a SET u8 0 1 | BITFIELD a SET u8 0 1
BITFIELD a SET u8 0 1 | BITFIELD a SET u8 0 2 SET u8 8 3
BITFIELD a SET u8 0 1 | BITFIELD a INCRBY u8 0 0
BITFIELD a SET u8 0 255 | BITFIELD a OVERFLOW FAIL INCRBY u8 0 1
BITFIELD a SET u8 0 255 | BITFIELD a OVERFLOW SAT INCRBY u8 0 1
BITFIELD a SET u8 0 1 | BITFIELD a GET u8 0
BITFIELD a GET u8 0
SET b x | BITOP AND a b c
SET a x | BITOP AND a b c
BITOP AND a b c
SET b x | BITOP NOT a b
SET a x | BITOP NOT a a
""",
    "hash": """
HSET a f v
HSET a f v | HSET a f v
HSET a f v | HSET a f w g x
HMSET a f v
HSETNX a f v
HSET a f v | HSETNX a f v
HSET a f v | HDEL a f
HSET a f v g w | HDEL a f
HSET a f v g w | HDEL a f g
HSET a f v | HDEL a g
HDEL a f
HINCRBY a f 1
HSET a f 1 | HINCRBY a f 0
HSET a f x | HINCRBY a f 1
HSET a f 1 | HINCRBYFLOAT a f 0
HINCRBYFLOAT a f 1
HSET a f 1 | HRANDFIELD a
HSET a f 1 | HSCAN a 0
""",
    "list": """
LPUSH a x
RPUSH a x
RPUSH a x | RPUSH a y z
LPUSHX a x
RPUSHX a x
RPUSH a x | LPUSHX a y
RPUSH a x | LPOP a
RPUSH a x y | LPOP a
RPUSH a x y | RPOP a 2
RPUSH a x y | RPOP a 0
LPOP a
RPUSH a x | LSET a 0 x
RPUSH a x | LSET a 0 y
RPUSH a x | LSET a 5 y
RPUSH a x | LINSERT a BEFORE x y
RPUSH a x | LINSERT a BEFORE z y
LINSERT a BEFORE z y
RPUSH a x y | LREM a 0 x
RPUSH a x | LREM a 0 x
RPUSH a x | LREM a 0 z
RPUSH a x y | LTRIM a 0 0
RPUSH a x y | LTRIM a 0 -1
RPUSH a x y | LTRIM a 5 6
LTRIM a 0 -1
RPUSH a x y | RPOPLPUSH a b
RPUSH a x | RPOPLPUSH a b
RPUSH a x | RPOPLPUSH a a
RPUSH a x y | RPOPLPUSH a a
RPOPLPUSH a b
RPUSH a x y | LMOVE a b LEFT LEFT
RPUSH a x y | LMOVE a a LEFT RIGHT
RPUSH a x | LMOVE a a LEFT LEFT
LMOVE a b LEFT LEFT
RPUSH a x | BLPOP a 0
RPUSH a x y | BRPOP b a 0
RPUSH a x | BRPOPLPUSH a b 0
RPUSH a x y | BLMOVE a b LEFT LEFT 0
RPUSH a x y | LMPOP 1 a LEFT
RPUSH a x y | LMPOP 2 b a LEFT COUNT 5
LMPOP 1 a LEFT
RPUSH a x y | BLMPOP 0 1 a LEFT
""",
    "set": """
SADD a x
SADD a x | SADD a x
SADD a x | SADD a x y
SADD a x | SREM a x
SADD a x y | SREM a x
SADD a x | SREM a z
SREM a z
SADD a x | SPOP a
SADD a x y | SPOP a
SADD a x y | SPOP a 0
SADD a x y | SPOP a 1
SADD a x y z | SPOP a 2
SADD a x y | SPOP a 5
SADD a 1 2 3 4 5 6 7 8 | SPOP a 7
SPOP a
SPOP a 1
SADD a x | SMOVE a b x
SADD a x y | SMOVE a b x
SADD a x ; SADD b x | SMOVE a b x
SADD a x | SMOVE a b z
SADD a x | SMOVE a a x
SMOVE a b x
SADD b x | SINTERSTORE a b
SADD b x | SINTERSTORE a b c
SADD a x | SINTERSTORE a b c
SADD b x | SUNIONSTORE a b c
SADD a x | SUNIONSTORE a b c
SUNIONSTORE a b c
SADD b x | SDIFFSTORE a b c
SADD a x | SDIFFSTORE a b c
SADD a x | SRANDMEMBER a
""",
    "sorted-set": """
ZADD a 1 x
ZADD a 1 x | ZADD a 1 x
ZADD a 1 x | ZADD a 2 x
ZADD a 1 x | ZADD a CH 2 x
ZADD a 1 x | ZADD a NX 2 x
ZADD a XX 2 x
ZADD a 2 x | ZADD a GT 1 x
ZADD a INCR 2 x
ZADD a 1 x | ZADD a INCR 0 x
ZADD a 1 x | ZADD a INCR 1 x
ZADD a 1 x | ZADD a NX INCR 1 x
ZADD a 1 x | ZADD a 1 x 2 y
ZINCRBY a 1 x
ZADD a 1 x | ZINCRBY a 0 x
ZADD a 1 x | ZREM a x
ZADD a 1 x 2 y | ZREM a x
ZADD a 1 x | ZREM a z
ZREM a z
ZADD a 1 x 2 y | ZREMRANGEBYSCORE a 1 1
ZADD a 1 x | ZREMRANGEBYSCORE a 1 1
ZADD a 1 x | ZREMRANGEBYSCORE a 5 6
ZADD a 1 x | ZREMRANGEBYRANK a 0 0
ZADD a 1 x | ZREMRANGEBYRANK a 5 6
ZADD a 1 x | ZREMRANGEBYLEX a - +
ZADD a 1 x | ZREMRANGEBYLEX a (x +
ZADD a 1 x | ZPOPMIN a
ZADD a 1 x 2 y | ZPOPMAX a
ZADD a 1 x 2 y | ZPOPMIN a 0
ZADD a 1 x 2 y | ZPOPMIN a 2
ZPOPMIN a
ZADD a 1 x | BZPOPMIN a 0
ZADD a 1 x 2 y | BZPOPMAX b a 0
ZADD a 1 x 2 y | ZMPOP 1 a MIN
ZADD a 1 x 2 y | ZMPOP 2 b a MAX COUNT 5
ZMPOP 1 a MIN
ZADD a 1 x 2 y | BZMPOP 0 1 a MIN
ZADD b 1 x | ZRANGESTORE a b 0 -1
ZADD b 1 x | ZRANGESTORE a b 5 6
ZADD a 1 x | ZRANGESTORE a b 0 -1
ZRANGESTORE a b 0 -1
ZADD b 1 x | ZUNIONSTORE a 2 b c
ZADD a 1 x | ZUNIONSTORE a 2 b c
ZUNIONSTORE a 2 b c
ZADD b 1 x | ZINTERSTORE a 1 b
ZADD a 1 x | ZINTERSTORE a 2 b c
ZADD b 1 x | ZDIFFSTORE a 2 b c
ZADD a 1 x | ZDIFFSTORE a 2 b c
GEOADD a 1 1 x
GEOADD a 1 1 x | GEOADD a 1 1 x
GEOADD a 1 1 x | GEOADD a CH 2 2 x
GEOADD b 1 1 x | GEOSEARCHSTORE a b FROMMEMBER x BYRADIUS 1 m
GEOADD b 1 1 x | GEOSEARCHSTORE a b FROMLONLAT 50 50 BYRADIUS 1 m
GEOADD a 1 1 x ; GEOADD b 1 1 x | GEOSEARCHSTORE a b FROMLONLAT 50 50 BYRADIUS 1 m
GEOADD b 1 1 x | GEORADIUS b 1 1 5 m STORE a
GEOADD a 1 1 x | GEORADIUS b 1 1 5 m STORE a
""",
    "hyperloglog": """
PFADD a x
PFADD a
PFADD a x | PFADD a x
PFADD a x | PFADD a y
PFADD a x | PFADD a
PFADD a x | PFCOUNT a
PFADD a x ; PFCOUNT a | PFCOUNT a
PFCOUNT a
PFADD b x | PFMERGE a b
PFADD a x ; PFADD b x | PFMERGE a b
PFMERGE a b
PFADD a x | PFMERGE a
""",
    "stream": """
XADD a 1-1 f v
XADD a NOMKSTREAM 1-1 f v
XADD a 1-1 f v | XADD a 1-1 f v
XADD a 1-1 f v | XADD a MAXLEN 1 2-1 f v
XADD a MAXLEN 0 2-1 f v
XADD a 1-1 f v | XADD a MAXLEN 5 2-1 f v
XADD a 1-1 f v | XTRIM a MAXLEN 0
XADD a 1-1 f v | XTRIM a MAXLEN 1
XTRIM a MAXLEN 0
XADD a 1-1 f v | XDEL a 1-1
XADD a 1-1 f v ; XADD a 2-1 f v | XDEL a 1-1 9-9
XADD a 1-1 f v | XDEL a 9-9
XDEL a 1-1
XADD a 1-1 f v | XSETID a 1-1
XADD a 1-1 f v | XSETID a 5-5
XSETID a 5-5
XADD a 1-1 f v | XGROUP CREATE a g 0
XGROUP CREATE a g 0 MKSTREAM
XGROUP CREATE a g 0
XGROUP CREATE a g 0 MKSTREAM | XGROUP CREATE a g 0
XGROUP CREATE a g 0 MKSTREAM | XGROUP SETID a g 0
XGROUP CREATE a g 0 MKSTREAM | XGROUP SETID a g 5
XGROUP CREATE a g 0 MKSTREAM | XGROUP DESTROY a g
XGROUP CREATE a g 0 MKSTREAM | XGROUP DESTROY a h
XGROUP CREATE a g 0 MKSTREAM | XGROUP CREATECONSUMER a g c
XGROUP CREATE a g 0 MKSTREAM ; XGROUP CREATECONSUMER a g c | XGROUP CREATECONSUMER a g c
XGROUP CREATE a g 0 MKSTREAM ; XGROUP CREATECONSUMER a g c | XGROUP DELCONSUMER a g c
XGROUP CREATE a g 0 MKSTREAM | XGROUP DELCONSUMER a g c
XGROUP CREATE a g 0 MKSTREAM | XREADGROUP GROUP g c STREAMS a >
XGROUP CREATE a g 0 MKSTREAM ; XGROUP CREATECONSUMER a g c | XREADGROUP GROUP g c STREAMS a >
XGROUP CREATE a g 0 MKSTREAM | XREADGROUP GROUP g c STREAMS a 0
XGROUP CREATE a g 0 MKSTREAM ; XGROUP CREATECONSUMER a g c | XREADGROUP GROUP g c STREAMS a 0
XADD a 1-1 f v ; XGROUP CREATE a g 0 | XREADGROUP GROUP g c STREAMS a >
XADD a 1-1 f v ; XGROUP CREATE a g 0 ; XGROUP CREATECONSUMER a g c | XREADGROUP GROUP g c STREAMS a >
XADD a 1-1 f v ; XGROUP CREATE a g 0 | XREADGROUP GROUP g c NOACK STREAMS a >
XADD a 1-1 f v ; XGROUP CREATE a g 0 ; XREADGROUP GROUP g c STREAMS a > | XREADGROUP GROUP g c STREAMS a 0
XADD a 1-1 f v ; XGROUP CREATE a g 0 ; XREADGROUP GROUP g c STREAMS a > | XREADGROUP GROUP g c STREAMS a >
XADD a 1-1 f v ; XGROUP CREATE a g 0 ; XREADGROUP GROUP g c STREAMS a > | XACK a g 1-1
XADD a 1-1 f v ; XGROUP CREATE a g 0 | XACK a g 1-1
XACK a g 1-1
XADD a 1-1 f v ; XGROUP CREATE a g 0 ; XREADGROUP GROUP g c STREAMS a > | XCLAIM a g d 0 1-1
XADD a 1-1 f v ; XGROUP CREATE a g 0 ; XREADGROUP GROUP g c STREAMS a > | XCLAIM a g c 0 1-1
XADD a 1-1 f v ; XGROUP CREATE a g 0 ; XREADGROUP GROUP g c STREAMS a > | XCLAIM a g c 0 1-1 JUSTID
XADD a 1-1 f v ; XGROUP CREATE a g 0 ; XREADGROUP GROUP g c STREAMS a > | XCLAIM a g c 1000000 1-1
XADD a 1-1 f v ; XGROUP CREATE a g 0 ; XREADGROUP GROUP g c STREAMS a > | XCLAIM a g d 1000000 1-1
XADD a 1-1 f v ; XGROUP CREATE a g 0 ; XGROUP CREATECONSUMER a g c | XCLAIM a g c 0 1-1
XADD a 1-1 f v ; XGROUP CREATE a g 0 ; XGROUP CREATECONSUMER a g c | XCLAIM a g c 0 1-1 FORCE
XADD a 1-1 f v ; XGROUP CREATE a g 0 ; XGROUP CREATECONSUMER a g c | XCLAIM a g c 0 1-1 LASTID 1-1
XADD a 1-1 f v ; XGROUP CREATE a g 0 ; XREADGROUP GROUP g c STREAMS a > ; XDEL a 1-1 | XCLAIM a g c 0 1-1
XADD a 1-1 f v ; XGROUP CREATE a g 0 ; XREADGROUP GROUP g c STREAMS a > | XAUTOCLAIM a g d 0 0
XADD a 1-1 f v ; XGROUP CREATE a g 0 ; XREADGROUP GROUP g c STREAMS a > | XAUTOCLAIM a g c 0 0
XADD a 1-1 f v ; XGROUP CREATE a g 0 ; XREADGROUP GROUP g c STREAMS a > | XAUTOCLAIM a g c 1000000 0
XADD a 1-1 f v ; XGROUP CREATE a g 0 ; XREADGROUP GROUP g c STREAMS a > | XAUTOCLAIM a g d 1000000 0
XADD a 1-1 f v ; XGROUP CREATE a g 0 ; XREADGROUP GROUP g c STREAMS a > ; XDEL a 1-1 | XAUTOCLAIM a g c 0 0
XADD a 1-1 f v ; XGROUP CREATE a g 0 ; XREADGROUP GROUP g c STREAMS a > | XGROUP DELCONSUMER a g c
XADD a 1-1 f v ; XGROUP CREATE a g 0 ; XREADGROUP GROUP g c STREAMS a > | XGROUP DESTROY a g
""",
    "generic": """
SET a 1 | DEL a
SET a 1 ; SET b 1 | DEL a b c
DEL a
SET a 1 | UNLINK a
UNLINK a
SET a 1 | RENAME a b
SET a 1 ; SET b 2 | RENAME a b
SET a 1 | RENAME a a
RENAME a b
SET a 1 | RENAMENX a b
SET a 1 ; SET b 1 | RENAMENX a b
SET a 1 EX 100 | RENAME a b
SET a 1 | COPY a b
SET a 1 ; SET b 1 | COPY a b
SET a 1 ; SET b 1 | COPY a b REPLACE
COPY a b
SET a 1 | MOVE a 1
MOVE a 1
SET a 1 | EXPIRE a 100
SET a 1 EX 100 | EXPIRE a 100
SET a 1 EX 100 | EXPIRE a 10 GT
SET a 1 | EXPIRE a -1
SET a 1 | PEXPIREAT a 1
EXPIRE a 100
SET a 1 EX 100 | PERSIST a
SET a 1 | PERSIST a
PERSIST a
SET a 1 | TOUCH a
TOUCH a
RESTORE a 0 "\\x00\\xc0\\x01\\x0b\\x00\\x33\\x43\\xd2\\xf4\\x4f\\xd5\\x6f\\x14"
RESTORE a 0 bad
RPUSH b 2 1 | SORT b STORE a
SORT b STORE a
RPUSH a 1 | SORT b STORE a
RPUSH b 2 1 | SORT b
SET a 1 | OBJECT ENCODING a
SET a 1 | FLUSHDB
FLUSHDB
SET a 1 | FLUSHALL
FLUSHALL
SET a 1 | SWAPDB 0 1
SWAPDB 0 0
SWAPDB 0 1
SET a 1 | SCAN 0
PUBLISH x y
SPUBLISH x y
""",
    "scripting": """
EVAL "return redis.call('SET', KEYS[1], 1)" 1 a
EVAL "return redis.call('GET', KEYS[1])" 1 a
SET a x | EVAL "return redis.pcall('INCR', KEYS[1])" 1 a
SCRIPT LOAD "return 1"
SCRIPT FLUSH
FUNCTION LOAD REPLACE "#!lua name=l\\nredis.register_function('f', function() return 1 end)"
FUNCTION FLUSH
""",
}
"""By group one case per line: a command, after those that prepare it."""

HISTORY = "XREADGROUP GROUP g c STREAMS a 0"
"""Records the deliveries that it counts, which redis-server loses when it restarts."""


class Outcome(NamedTuple):
    """What a command did."""

    reply: Any
    watched: list[bytes]
    invalidated: list[bytes]
    events: list[tuple[bytes, bytes]]
    changes: int
    recorded: bool


class Watcher:
    """The clients that see what commands do to the keys of a server."""

    def __init__(self, server: Tseep | Redis) -> None:
        self._client, self._info, self._tracker, self._subscriber = clients = [server.connect() for _ in range(4)]
        self._watchers = [server.connect() for _ in KEYS]
        self._all = [*clients, *self._watchers]
        assert self._client("CONFIG", "SET", "notify-keyspace-events", "KEA") == "OK"
        self._tracker("HELLO", 3)
        assert self._tracker("CLIENT", "TRACKING", "ON") == "OK"
        self._subscriber("PSUBSCRIBE", "__keyspace@0__:*")

    def close(self) -> None:
        for client in self._all:
            client.close()

    def play(self, before: list[list[str]], words: list[str]) -> Outcome:
        """Run a command after those that prepare it, and return what it did."""
        for command in [["FLUSHALL"], *before]:
            self._client(*command)
        for key in KEYS:
            self._tracker("TYPE", key)
        self._pushes(self._tracker)
        self._pushes(self._subscriber)
        for watcher, key in zip(self._watchers, KEYS):
            watcher("WATCH", key)
        changes, size = self._figures()
        reply = self._client.ask(*words)
        after, grown = self._figures()
        keys = [push for message in self._pushes(self._tracker) for push in (message[1] or [b"all"])]
        events = [(message[2].split(b":")[1], message[3]) for message in self._pushes(self._subscriber)]
        watched = [key for watcher, key in zip(self._watchers, KEYS) if self._aborted(watcher)]
        return Outcome(repr(reply), watched, sorted(keys), events, after - changes, grown > size)

    def _figures(self) -> tuple[int, int]:
        """Return the number of changes, and the size of the append-only file."""
        text = self._info("INFO", "persistence").decode()
        fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        return int(fields["rdb_changes_since_last_save"]), int(fields["aof_current_size"])

    @staticmethod
    def _aborted(watcher: Client) -> bool:
        watcher("MULTI")
        return watcher("EXEC") is None

    @staticmethod
    def _pushes(client: Client) -> list[Any]:
        """Return what was pushed to a client, up to its reply to PING."""
        pushes = []
        reply = client("PING")
        while not (reply == "PONG" or (isinstance(reply, list) and reply[0] == b"pong")):
            pushes.append(reply)
            reply = client.reply().plain
        return pushes


@pytest.fixture(scope="module")
def watchers() -> Iterator[tuple[Watcher, Watcher]]:
    """Watchers of a tseep and of a redis-server, with append-only files."""
    options = ("--appendonly", "yes", "--appendfsync", "no")
    with Tseep("v2", *options) as ours, Redis(*options, "--auto-aof-rewrite-percentage", "0") as theirs:
        both = Watcher(ours), Watcher(theirs)
        yield both
        for watcher in both:
            watcher.close()


def _words(text: str) -> list[str]:
    """Split a command into words; C{"..."} is one word."""
    parts = text.strip().split('"')
    words = []
    for at, part in enumerate(parts):
        words += [part.encode().decode("unicode_escape")] if at % 2 else part.split()
    return words


@pytest.mark.parametrize("group", CASES)
def test_changes(watchers: tuple[Watcher, Watcher], group: str) -> None:
    """Each command of a group does the same as in redis-server."""
    ours, theirs = watchers
    differences = []
    for line in CASES[group].strip().splitlines():
        before, _, command = line.rpartition("|")
        prepare = [_words(each) for each in before.split(";") if each.strip()]
        words = _words(command)
        mine, right = ours.play(prepare, words), theirs.play(prepare, words)
        if words[0] == "SPOP":
            mine, right = mine._replace(reply=None), right._replace(reply=None)
        if mine != right and not (command.strip() == HISTORY and mine == right._replace(recorded=True)):
            differences.append(f"{line}\n    tseep: {mine}\n    redis: {right}")
    assert not differences, "\n".join(differences)
