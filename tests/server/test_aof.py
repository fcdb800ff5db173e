"""What a server has said is there after its end, in whatever way that comes; and redis-server reads it, too."""

from __future__ import annotations

import os
import random
import signal
import struct
import subprocess
from functools import cache
from pathlib import Path
from threading import Thread, Timer
from typing import Any, Dict, List

import crcmod
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from ..differential import families
from ..differential.grammar import Grammar
from ..differential.test_differential import _docs, _generated
from ..support.client import Client, Error, encode
from ..support.contents import Contents, contents, difference
from ..support.servers import Redis, Tseep, until

MODES = ["v1", "v2", "v3"]

APPENDING = ("--appendonly", "yes")

WRITING = ["string", "bitmap", "generic", *families.GROUPS]


@pytest.fixture(scope="module")
def docs(oracle: Redis) -> Dict[str, Any]:
    """What redis-server's COMMAND DOCS says of each command."""
    with oracle.connect() as client:
        return _docs(client)


def tseep(folder: Path, *options: str, mode: str = "v2", **how: Any) -> Tseep:
    """A tseep that keeps its data in a folder."""
    return Tseep(mode, "--dir", str(folder), "--enable-debug-command", "yes", *options, **how)


def redis_in(folder: Path, *options: str) -> Redis:
    """A redis-server that does."""
    return Redis("--dir", str(folder), "--enable-debug-command", "yes", *options)


def held(server: Any) -> Contents:
    """What a server holds."""
    with server.connect() as client:
        return contents(client)


def shut_down(client: Client, *options: str) -> None:
    """Ask a server to end, and wait for that."""
    with pytest.raises(EOFError):
        client("SHUTDOWN", *options)


def fill(client: Client) -> None:
    """Make keys of each type, small and large, and in each way that they may be written in a file."""
    for number in (1, 3, 200, 3000):
        for base, value in (("n", b"%d"), ("t", b"text %d"), ("long", b"x" * 70 + b"%d")):
            values = [value % each for each in range(number)]
            key = f"{base}{number}"
            client("RPUSH", f"list:{key}", *values)
            client("SADD", f"set:{key}", *values)
            client("HSET", f"hash:{key}", *[part for each in values for part in (b"f" + each, each)])
            client("ZADD", f"zset:{key}", *[part for at, each in enumerate(values) for part in (at / 7, each)])
    for number, value in enumerate([b"", b"7", b"-300", b"70000", b"-5000000000", b"a" * 5000, os.urandom(300)]):
        client("SET", f"string:{number}", value)
    client("ZADD", "zset:ends", "-inf", "low", "inf", "high", "1e300", "x", "0.1", "y")
    client("SADD", "set:large", *[f"{1 << 40}{each}" for each in range(9)])
    client("PFADD", "hll", *range(2000))
    client("GEOADD", "geo", 13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania")
    client("SET", "soon", "x", "PX", 10_000_000)
    client("SELECT", 5)
    client("SET", "elsewhere", "y", "EXAT", 4102444800)
    client("SELECT", 0)
    fill_streams(client)


def fill_streams(client: Client) -> None:
    """Make streams with entries of different fields, some of them deleted, and groups with pending entries."""
    for number in range(1, 250):
        client("XADD", "stream", f"{number}-{number % 3}", "f", number, *(["g", "x"] if number % 5 == 0 else []))
    client("XDEL", "stream", "7-1", "100-1")
    client("XGROUP", "CREATE", "stream", "one", 0)
    client("XGROUP", "CREATE", "stream", "two", "50-0", "ENTRIESREAD", 40)
    client("XREADGROUP", "GROUP", "one", "me", "COUNT", 20, "STREAMS", "stream", ">")
    client("XREADGROUP", "GROUP", "one", "you", "COUNT", 20, "STREAMS", "stream", ">")
    client("XACK", "stream", "one", "3-0", "25-1")
    client("XGROUP", "CREATECONSUMER", "stream", "two", "idle")
    client("XADD", "gone", "5-5", "a", "b")
    client("XDEL", "gone", "5-5")


LIBRARY = "#!lua name=lib\nredis.register_function('f', function(keys) return redis.call('GET', keys[1]) end)"


# Snapshots


def test_redis_reads_our_snapshot(tmp_path: Path) -> None:
    """redis-server finds in our dump.rdb what we had, functions included, and redis-check-rdb has no complaint."""
    with tseep(tmp_path) as server:
        with server.connect() as client:
            fill(client)
            assert client("FUNCTION", "LOAD", LIBRARY) == b"lib"
            assert client("SAVE") == "OK"
        before = held(server)
    checked = subprocess.run(["redis-check-rdb", str(tmp_path / "dump.rdb")], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    with redis_in(tmp_path) as redis:
        assert not difference(before, held(redis))
        with redis.connect() as client:
            assert client("FCALL", "f", 1, "string:1") == b"7"


@pytest.mark.parametrize("compressed", ["yes", "no"])
def test_we_read_the_snapshot_of_redis(tmp_path: Path, compressed: str) -> None:
    """We find in redis-server's dump.rdb what it had, in all of its encodings, compressed or not."""
    with redis_in(tmp_path, "--rdbcompression", compressed) as redis:
        with redis.connect() as client:
            fill(client)
            client("FUNCTION", "LOAD", LIBRARY)
            assert client("SAVE") == "OK"
        before = held(redis)
    with tseep(tmp_path) as server:
        assert not difference(before, held(server))
        with server.connect() as client:
            assert client("FCALL", "f", 1, "string:1") == b"7"


def test_dump_and_restore(tmp_path: Path) -> None:
    """What DUMP answers one server, RESTORE takes at the other, both ways."""
    with tseep(tmp_path) as ours, redis_in(tmp_path) as theirs, ours.connect() as one, theirs.connect() as other:
        for source, target in ((one, other), (other, one)):
            source("FLUSHALL"), target("FLUSHALL")
            fill(source)
            for key in source("KEYS", "*"):
                assert target("RESTORE", key, 0, source("DUMP", key)) == "OK", key
            source("PERSIST", "soon")
            source("SELECT", 5), source("FLUSHDB"), source("SELECT", 0)
            assert not difference(contents(source), contents(target))
        one("FUNCTION", "LOAD", LIBRARY)
        payload = one("FUNCTION", "DUMP")
        assert other("FUNCTION", "RESTORE", payload) == "OK"
        assert isinstance(one("FUNCTION", "RESTORE", payload), Error)
        assert one("FUNCTION", "RESTORE", other("FUNCTION", "DUMP"), "REPLACE") == "OK"


def test_damaged_payloads(tmp_path: Path) -> None:
    """A payload with any byte changed is refused, and one that is cut off."""
    with tseep(tmp_path) as server, server.connect() as client:
        fill_streams(client)
        payload = bytearray(client("DUMP", "stream"))
        chance = random.Random(1)
        for _ in range(200):
            damaged = bytearray(payload)
            damaged[chance.randrange(len(payload))] ^= 1 << chance.randrange(8)
            assert "checksum" in client("RESTORE", "x", 0, bytes(damaged))
        assert "checksum" in client("RESTORE", "x", 0, bytes(payload[: chance.randrange(len(payload))]))
        assert client("EXISTS", "x") == 0


def _seal(content: bytes) -> bytes:
    """A payload with a footer that is right."""
    return content + struct.pack("<Q", _crc64(content))


_crc64 = crcmod.mkCrcFun(0x1AD93D23594C935A9, initCrc=0, rev=True, xorOut=0)


@settings(max_examples=settings.default.max_examples * 3)
@given(st.data())
def test_payloads_with_faults_inside(v2: Tseep, oracle: Redis, data: Any) -> None:
    """Whatever is in a payload whose checksum is right, it is taken or refused, and the server goes on."""
    with v2.connect() as client:
        payloads = _payloads(oracle)
        payload = bytearray(data.draw(st.sampled_from(payloads))[:-8])
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(payload) - 3))
            payload[at] = data.draw(st.integers(0, 255))
        reply = client("RESTORE", "x", 0, _seal(bytes(payload)), "REPLACE")
        assert reply in ("OK", "ERR Bad data format"), reply
        if reply == "OK":
            assert client("RESTORE", "y", 0, client("DUMP", "x"), "REPLACE") == "OK"
            contents(client)
            client("FLUSHALL")


@cache
def _payloads(oracle: Redis) -> List[bytes]:
    """What redis-server dumps of keys of all types."""
    with oracle.connect() as client:
        fill(client)
        found = [client("DUMP", key) for key in client("KEYS", "*") if b"3000" not in key]
        client("FLUSHALL")
        return sorted(found)


def test_snapshot_in_the_background(tmp_path: Path) -> None:
    """BGSAVE keeps the data as they were when it began, while clients change them; LASTSAVE and INFO tell."""
    with tseep(tmp_path) as server, server.connect() as client:
        fill(client)
        before, began = contents(client), client("LASTSAVE")
        assert client("BGSAVE") == "Background saving started"
        client("FLUSHALL")
        until(lambda: info(client, "rdb_bgsave_in_progress") == "0", "the snapshot is complete")
        assert info(client, "rdb_last_bgsave_status") == "ok" and client("LASTSAVE") >= began
        shut_down(client, "NOSAVE")
    with tseep(tmp_path) as server:
        assert not difference(before, held(server))


def test_save_points(tmp_path: Path) -> None:
    """After so many changes in so many seconds a snapshot is written, and one more at the end of the server."""
    with tseep(tmp_path, "--save", "1 3") as server, server.connect() as client:
        client("MSET", "a", 1, "b", 2, "c", 3)
        until(lambda: info(client, "rdb_saves") == "1", "a snapshot is due")
        until(lambda: info(client, "rdb_changes_since_last_save") == "0", "it is complete")
        client("SET", "d", 4)
        assert server.stop() == 0
    with tseep(tmp_path) as server, server.connect() as client:
        assert client("MGET", "a", "b", "c", "d") == [b"1", b"2", b"3", b"4"]
        client("FLUSHALL")
        client("SET", "e", 5)
        shut_down(client, "SAVE")
    with tseep(tmp_path, "--save", "1 1") as server, server.connect() as client:
        assert client("KEYS", "*") == [b"e"]
        client("FLUSHALL")
        server.send_signal(signal.SIGKILL)
    with tseep(tmp_path) as server, server.connect() as client:
        assert client("KEYS", "*") == []


def test_snapshot_that_cannot_be_written(tmp_path: Path) -> None:
    """A snapshot that fails is said to have failed, refuses writes as long as it does, and keeps the old file."""
    folder = tmp_path / "data"
    folder.mkdir()
    with tseep(folder, "--save", "3600 1") as server, server.connect() as client:
        client("SET", "a", 1)
        folder.rename(tmp_path / "away")
        assert "cannot save" in client("SAVE") and "No such file" in client("SAVE")
        assert client("SET", "a", 2).startswith("MISCONF") and client("PING").startswith("MISCONF")
        assert client("GET", "a") == b"1"
        assert "MISCONF" in client("EVAL", "return redis.call('SET', 'a', 2)", 0)
        assert "Errors trying to SHUTDOWN" in client("SHUTDOWN")
        server.send_signal(signal.SIGTERM)
        server.wait_for("does not end, as its data would be lost")
        (tmp_path / "away").rename(folder)
        assert client("SAVE") == "OK"
        assert client("SET", "a", 2) == "OK"


@pytest.mark.parametrize("damage", [b"", b"REDIS0010", b"nonsense at all"])
def test_snapshot_that_cannot_be_read(tmp_path: Path, damage: bytes) -> None:
    """A server that cannot read its snapshot does not start, says why in a line, and leaves the file as it is."""
    (tmp_path / "dump.rdb").write_bytes(damage)
    with pytest.raises(AssertionError, match=r"tseep: cannot load .*dump\.rdb: .*redis-check-rdb"):
        tseep(tmp_path)
    assert (tmp_path / "dump.rdb").read_bytes() == damage


def info(client: Client, name: str) -> str:
    """A field of INFO."""
    text = client("INFO", "everything").decode()
    return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)[name]


def kill(server: Tseep, client: Client) -> None:
    """Kill a server at once, as soon as all is written: with everysec a slow sync may keep it from that for a while."""
    until(lambda: info(client, "aof_buffer_length") == "0", "all is written")
    server.send_signal(signal.SIGKILL)


# The append-only file


@pytest.mark.parametrize("group", WRITING)
def test_every_effect_is_recorded(tmp_path: Path, docs: Dict[str, Any], group: str) -> None:
    """After random commands of all kinds, the file alone brings back what there was, here and in redis-server."""
    names = [name for name in _generated(docs, [group]) if not name.startswith(("randomkey", "function"))]
    grammar, begin, chance = Grammar(docs), families.begin(group), random.Random(group)
    with tseep(tmp_path, *APPENDING) as server, server.connect() as client:

        @settings(max_examples=60)
        @given(grammar.sequences([*names, "expire", "del", "rename", "copy"], list(begin)))
        def play(calls: List[List[bytes]]) -> None:
            client("SELECT", chance.randrange(3))
            for words in calls:
                note(f"{words}")
                if not _waits(words):
                    client(*words)

        play()
        before = contents(client)
        shut_down(client, "NOSAVE")
    with tseep(tmp_path, *APPENDING) as server:
        assert not difference(before, held(server))
    with redis_in(tmp_path, *APPENDING) as redis:
        assert not difference(before, held(redis))


def _waits(words: List[bytes]) -> bool:
    """Whether a call may wait."""
    return (words[0].upper().startswith((b"B", b"WAIT")) and words[0].upper()[:3] != b"BIT") or b"BLOCK" in map(
        bytes.upper, words
    )


def play_conversation(client: Client, other: Client) -> None:
    """Transactions, scripts, clients that wait, and whatever else is recorded otherwise than as it came."""
    client("MULTI")
    client("SET", "t", 1), client("SELECT", 2), client("INCR", "t"), client("EXPIRE", "t", 1000), client("SELECT", 0)
    client("EXEC")
    client("EVAL", "redis.call('SET', 's', 1) redis.call('SELECT', 3) return redis.call('SPOP', KEYS[1])", 1, "none")
    client("SADD", "set", *range(50))
    client("SPOP", "set"), client("SPOP", "set", 20)
    client("EVAL", "return redis.call('SPOP', KEYS[1], 5)", 1, "set")
    for waiting, serving in (
        ("BLPOP l1 l2 0", "RPUSH l2 a b c"),
        ("BRPOP l8 l9 0", "RPUSH l8 a b c"),
        ("BLMOVE l3 l4 LEFT RIGHT 0", "RPUSH l3 x y"),
        ("BRPOPLPUSH l5 l4 0", "RPUSH l5 x y"),
        ("BLMPOP 0 2 l6 l7 RIGHT COUNT 2", "RPUSH l7 1 2 3 4"),
        ("BZPOPMIN z1 0", "ZADD z1 1 a 2 b"),
        ("BZPOPMAX z2 0", "ZADD z2 1 a 2 b"),
        ("BZMPOP 0 1 z3 MAX COUNT 2", "ZADD z3 1 a 2 b 3 c"),
    ):
        other.send(encode(*waiting.split()))
        until(lambda: info(client, "blocked_clients") == "1", "it waits")
        client(*serving.split())
        other.reply()
    client("XGROUP", "CREATE", "str", "g", "$", "MKSTREAM")
    other.send(encode(*["XREADGROUP", "GROUP", "g", "me", "BLOCK", "0", "STREAMS", "str", ">"]))
    until(lambda: info(client, "blocked_clients") == "1", "it waits")
    client("XADD", "str", "*", "f", "v")
    other.reply()
    client("XADD", "str", "MAXLEN", "~", "10", "*", "f", "w")
    client("XREADGROUP", "GROUP", "g", "you", "STREAMS", "str", ">")
    client("XAUTOCLAIM", "str", "g", "they", 0, "0")
    client("INCRBYFLOAT", "float", "0.1"), client("HINCRBYFLOAT", "h", "f", "0.1"), client("SET", "k", 1, "EX", 500)
    client("GETEX", "k", "PX", 90000), client("SET", "k", 2, "KEEPTTL", "GET"), client("SETEX", "l", 77, "v")
    client("SET", "short", "x", "PX", 1)
    until(lambda: client("GET", "short") is None, "it expires")
    client("SET", "short", "again")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("policy", ["always", "everysec", "no"])
def test_conversation(tmp_path: Path, mode: str, policy: str) -> None:
    """Whatever clients do together is there after the end, in each mode with each policy, and redis-server reads it."""
    options = (*APPENDING, "--appendfsync", policy)
    with tseep(tmp_path, *options, mode=mode) as server, server.connect() as client, server.connect() as other:
        play_conversation(client, other)
        before = contents(client)
        kill(server, client)
    with tseep(tmp_path, *options, mode=mode) as server:
        assert not difference(before, held(server))
    with redis_in(tmp_path, *APPENDING) as redis:
        assert not difference(before, held(redis))


@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_we_read_the_file_of_redis(tmp_path: Path, preamble: str) -> None:
    """We find in redis-server's append-only files what it finds there, after a rewrite and before it."""
    options = (*APPENDING, "--aof-use-rdb-preamble", preamble, "--aof-timestamp-enabled", "yes")
    with redis_in(tmp_path, *options) as redis, redis.connect() as client, redis.connect() as other:
        fill(client)
        client("BGREWRITEAOF")
        until(lambda: info(client, "aof_rewrite_in_progress") == "0", "the rewrite is complete")
        play_conversation(client, other)
        shut_down(client)
    with redis_in(tmp_path, *options) as redis:  # which does not write how many entries groups have read
        before = held(redis)
    with tseep(tmp_path, *APPENDING) as server:
        assert not difference(before, held(server))


def test_old_single_file(tmp_path: Path) -> None:
    """The one file that Redis had before version 7 is taken over."""
    commands = [b"SELECT 1", b"SET a 1", b"INCR a"]
    (tmp_path / "appendonly.aof").write_bytes(b"".join(map(encoded, commands)))
    for _ in range(2):
        with tseep(tmp_path, *APPENDING) as server:
            assert held(server) == {(1, b"a"): ("string", -1, b"2")}
            assert server.stop() == 0
    assert not (tmp_path / "appendonly.aof").exists()


def encoded(command: bytes) -> bytes:
    """A command of plain words as a client sends it."""
    words = command.split()
    return b"*%d\r\n" % len(words) + b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in words])


@pytest.mark.parametrize("mode", MODES)
def test_rewrite_under_load(tmp_path: Path, mode: str) -> None:
    """A rewrite in the background, again and again, loses nothing of what is written meanwhile."""
    with tseep(tmp_path, *APPENDING, mode=mode) as server, server.connect() as client:
        for turn in range(4):
            assert client("BGREWRITEAOF") == "Background append only file rewriting started"
            number = 0
            while info(client, "aof_rewrite_in_progress") == "1" or number < 20:
                client("RPUSH", f"list:{turn}", number)
                number += 1
        before = contents(client)
        kill(server, client)
    assert len(list((tmp_path / "appendonlydir").iterdir())) == 3, "only a base, what was added, and the manifest"
    with tseep(tmp_path, *APPENDING) as server:
        assert not difference(before, held(server))


def test_rewrite_by_growth(tmp_path: Path) -> None:
    """The file is rewritten by itself when it has grown."""
    options = ("--auto-aof-rewrite-min-size", "10kb", "--auto-aof-rewrite-percentage", "50")
    with tseep(tmp_path, *APPENDING, *options) as server, server.connect() as client:
        for number in range(1000):
            client("SET", "a", number)
        until(lambda: int(info(client, "aof_rewrites")) >= 1, "it begins")
        # 29,000 bytes were written, and no rewrite begins with less than 10 KiB of them
        until(lambda: int(info(client, "aof_current_size")) < 20_000, "it is shorter than what was written")
        assert client("GET", "a") == b"999"


@pytest.mark.parametrize("mode", MODES)
def test_switched_on_and_off(tmp_path: Path, mode: str) -> None:
    """CONFIG SET appendonly begins the file with all that is there, and ends it."""
    with tseep(tmp_path, mode=mode) as server, server.connect() as client:
        fill(client)
        assert client("CONFIG", "SET", "appendonly", "yes") == "OK"
        client("SET", "later", 1)
        until(lambda: info(client, "aof_rewrite_in_progress") == "0", "the base is written")
        client("SET", "last", 1)
        before = contents(client)
        assert client("CONFIG", "SET", "appendonly", "no") == "OK"
        client("SET", "not recorded", 1)
        shut_down(client, "NOSAVE")
    with redis_in(tmp_path, *APPENDING) as redis:
        assert not difference(before, held(redis))


def test_torn_end(tmp_path: Path) -> None:
    """What a file ends with that is not whole is cut off, with a word about it, or the server refuses to start."""
    with tseep(tmp_path, *APPENDING) as server, server.connect() as client:
        client("SET", "a", 1)
        client("MULTI"), client("SET", "b", 2), client("SET", "c", 3), client("EXEC")
        kill(server, client)
    (path,) = (tmp_path / "appendonlydir").glob("*.incr.aof")
    whole = path.read_bytes()
    good = whole.index(b"*1\r\n$5\r\nMULTI")
    for cut in (1, 14, 15, 30):
        path.write_bytes(whole[:-cut])
        with pytest.raises(AssertionError, match=f"whole up to byte {good}; give --aof-load-truncated yes"):
            tseep(tmp_path, *APPENDING, "--aof-load-truncated", "no")
        assert path.read_bytes() == whole[:-cut]
        with tseep(tmp_path, *APPENDING) as server, server.connect() as client:
            assert client("MGET", "a", "b", "c") == [b"1", None, None]
            assert "are cut off" in server.output
        assert path.read_bytes() == whole[:good]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (b"*2\r\n$3\r\nGET\r\n$5\r\nab\r\n", "at byte|after byte"),
        (encoded(b"NOSUCH x"), "at byte 23: a command b'NOSUCH'"),
        (encoded(b"SET x"), "at byte 23: b'SET' does not take 1 arguments"),
        (b"*x\r\n", "after byte 23: invalid multibulk length"),
    ],
)
def test_damaged_middle(tmp_path: Path, damage: bytes, message: str) -> None:
    """A file with nonsense in its middle is not loaded, and the place of it is named; the file stays as it is."""
    with tseep(tmp_path, *APPENDING) as server:
        assert server.stop() == 0
    (path,) = (tmp_path / "appendonlydir").glob("*.incr.aof")
    text = encoded(b"SELECT 0") + damage + encoded(b"SET a 1")
    path.write_bytes(text)
    with pytest.raises(AssertionError, match=f"tseep: cannot load .*incr.aof: .*({message})"):
        tseep(tmp_path, *APPENDING)
    assert path.read_bytes() == text


def test_two_servers_in_one_folder(tmp_path: Path) -> None:
    """The second server does not start."""
    with tseep(tmp_path, *APPENDING), pytest.raises(AssertionError, match=r"another server uses .*another --dir"):
        tseep(tmp_path, *APPENDING)


@pytest.mark.parametrize("mode", MODES)
def test_full_disk(tmp_path: Path, mode: str) -> None:
    """A file that cannot grow refuses writes with MISCONF until it can; nothing acknowledged before is lost."""
    options = (*APPENDING, "--appendfsync", "no")
    with tseep(tmp_path, *options, mode=mode, largest_file=4096) as server, server.connect() as client:
        acknowledged = 0
        while client("RPUSH", "l", acknowledged) == acknowledged + 1:
            acknowledged += 1
        refusal = client("RPUSH", "l", "x")
        assert refusal.startswith("MISCONF Errors writing to the AOF file: File too large")
        assert info(client, "aof_last_write_status") == "err" and client("LLEN", "l") >= acknowledged
        server.send_signal(signal.SIGKILL)
    with tseep(tmp_path, *APPENDING) as server, server.connect() as client:
        assert abs(client("LLEN", "l") - acknowledged) <= 1


@pytest.mark.parametrize("mode", MODES)
def test_full_disk_with_always(tmp_path: Path, mode: str) -> None:
    """Where each write was to be on the disk before its answer, the server ends without answering."""
    options = (*APPENDING, "--appendfsync", "always")
    with tseep(tmp_path, *options, mode=mode, largest_file=4096) as server, server.connect() as client:
        acknowledged = 0
        try:
            while client("RPUSH", "l", acknowledged) == acknowledged + 1:
                acknowledged += 1
        except (ConnectionError, EOFError):
            pass
        assert server.wait() == 1
        assert "ends at once: cannot write to" in server.output
    with tseep(tmp_path, *options) as server, server.connect() as client:
        assert client("LLEN", "l") == acknowledged


# Killed at any time


KILLS = int(os.environ.get("TSEEP_KILLS", "20"))
"""How often a server is killed."""

CLIENTS = 20


@pytest.mark.parametrize("mode", MODES)
def test_killed_under_load(tmp_path: Path, mode: str) -> None:
    """However often a server is killed at a random moment under load, every write that it acknowledged is there."""
    options = (*APPENDING, "--appendfsync", "always", "--auto-aof-rewrite-min-size", "30kb")
    chance = random.Random(7)
    acknowledged = [0] * CLIENTS
    for _ in range(KILLS):
        with tseep(tmp_path, *options, mode=mode) as server:
            _check_acknowledged(server, acknowledged)
            _write_until_killed(server, acknowledged, chance.uniform(0.0, 0.3))


def _check_acknowledged(server: Tseep, acknowledged: List[int]) -> None:
    """Each client's counter is at least where it was said to be, and at most one further; and each list agrees."""
    with server.connect() as client:
        for number, said in enumerate(acknowledged):
            value, length = int(client("GET", f"n{number}") or 0), client("LLEN", f"l{number}")
            assert said <= value <= said + 1 and value == length, (number, said, value, length)
            acknowledged[number] = value


def _write_until_killed(server: Tseep, acknowledged: List[int], seconds: float) -> None:
    """Let clients count, each in a transaction of its own, until the server is killed."""

    def count(number: int) -> None:
        try:
            with server.connect() as client:
                while True:
                    client("MULTI"), client("INCR", f"n{number}"), client("RPUSH", f"l{number}", "x")
                    value, _ = client("EXEC")
                    acknowledged[number] = value
        except (OSError, EOFError):
            pass

    clients = [Thread(target=count, args=(number,)) for number in range(len(acknowledged))]
    killer = Timer(seconds, server.send_signal, [signal.SIGKILL])
    for thread in [*clients, killer]:
        thread.start()
    for thread in [*clients, killer]:
        thread.join()
