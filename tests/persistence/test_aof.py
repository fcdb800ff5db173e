"""The append-only file: acknowledged writes survive a restart, and redis-server reads the same file."""

from __future__ import annotations

import random
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, note, settings

from ..differential import families
from ..differential.grammar import Grammar
from ..differential.test_differential import _docs, _generated
from ..support.client import Client, encode
from ..support.contents import contents, difference
from ..support.durable import APPENDING, fill, held, info, kill, redis_in, shut_down, tseep
from ..support.servers import MODES, Process, Redis, Tseep, until

ANYWHERE = ("--listen", "tcp:0:interface=127.0.0.1")
WRITING = ["string", "bitmap", "generic", *families.GROUPS]


@pytest.fixture(scope="module")
def docs(oracle: Redis) -> dict[str, Any]:
    """redis-server's COMMAND DOCS."""
    with oracle.connect() as client:
        return _docs(client)


@pytest.mark.parametrize("group", WRITING)
def test_every_effect_is_recorded(tmp_path: Path, docs: dict[str, Any], group: str) -> None:
    """After random write commands, loading the file restores the same data, in tseep and in redis-server."""
    names = [name for name in _generated(docs, [group]) if not name.startswith(("randomkey", "function"))]
    grammar, begin, chance = Grammar(docs), families.begin(group), random.Random(group)
    with tseep(tmp_path, *APPENDING) as server, server.connect() as client:

        @settings(max_examples=60)
        @given(grammar.sequences([*names, "expire", "del", "rename", "copy"], list(begin)))
        def play(calls: list[list[bytes]]) -> None:
            client("SELECT", chance.randrange(3))
            for words in calls:
                note(f"{words}")
                if not _waits(words):
                    client(*words)

        play()
        before = contents(client)
        shut_down(client, "NOSAVE")
        assert "failed after it had changed" not in server.output
    with tseep(tmp_path, *APPENDING) as server:  # does not start if a command fails
        assert not difference(before, held(server))
    with redis_in(tmp_path, *APPENDING) as redis:
        assert not difference(before, held(redis))


def _waits(words: list[bytes]) -> bool:
    """True if a call can block."""
    return (words[0].upper().startswith((b"B", b"WAIT")) and words[0].upper()[:3] != b"BIT") or b"BLOCK" in map(
        bytes.upper, words
    )


def play_conversation(client: Client, other: Client) -> None:
    """Transactions, scripts, blocking commands, and others that are not recorded as they were sent."""
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
        until(lambda: info(client, "blocked_clients") == "1", "the client is blocked")
        client(*serving.split())
        other.reply()
    client("XGROUP", "CREATE", "str", "g", "$", "MKSTREAM")
    other.send(encode(*["XREADGROUP", "GROUP", "g", "me", "BLOCK", "0", "STREAMS", "str", ">"]))
    until(lambda: info(client, "blocked_clients") == "1", "the client is blocked")
    client("XADD", "str", "*", "f", "v")
    other.reply()
    client("XADD", "str", "MAXLEN", "~", "10", "*", "f", "w")
    client("XREADGROUP", "GROUP", "g", "you", "STREAMS", "str", ">")
    client("XAUTOCLAIM", "str", "g", "they", 0, "0")
    client("INCRBYFLOAT", "float", "0.1"), client("HINCRBYFLOAT", "h", "f", "0.1"), client("SET", "k", 1, "EX", 500)
    client("GETEX", "k", "PX", 90000), client("SET", "k", 2, "KEEPTTL", "GET"), client("SETEX", "l", 77, "v")
    client("SET", "short", "x", "PX", 1)
    until(lambda: client("GET", "short") is None, "the key has expired")
    client("SET", "short", "again")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("policy", ["always", "everysec", "no"])
def test_conversation(tmp_path: Path, mode: str, policy: str) -> None:
    """Writes of several clients survive a kill, with every mode and policy, and redis-server loads them."""
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
def test_tseep_loads_the_file_of_redis(tmp_path: Path, preamble: str) -> None:
    """tseep loads redis-server's append-only files, before and after a rewrite, with the same result."""
    options = (*APPENDING, "--aof-use-rdb-preamble", preamble, "--aof-timestamp-enabled", "yes")
    with redis_in(tmp_path, *options) as redis, redis.connect() as client, redis.connect() as other:
        fill(client)
        client("BGREWRITEAOF")
        until(lambda: info(client, "aof_rewrite_in_progress") == "0", "the rewrite is complete")
        play_conversation(client, other)
        shut_down(client)
    with redis_in(tmp_path, *options) as redis:  # does not store the groups' entries-read
        before = held(redis)
    with tseep(tmp_path, *APPENDING) as server:
        assert not difference(before, held(server))


def test_old_single_file(tmp_path: Path) -> None:
    """The single file of Redis before 7.0 becomes the base."""
    commands = [b"SELECT 1", b"SET a 1", b"INCR a"]
    (tmp_path / "appendonly.aof").write_bytes(b"".join(map(encoded, commands)))
    for _ in range(2):
        with tseep(tmp_path, *APPENDING) as server:
            assert held(server) == {(1, b"a"): ("string", -1, b"2")}
            assert server.stop() == 0
    assert not (tmp_path / "appendonly.aof").exists()


def encoded(command: bytes) -> bytes:
    """The RESP encoding of a command without spaces in its words."""
    words = command.split()
    return b"*%d\r\n" % len(words) + b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in words])


@pytest.mark.parametrize("mode", MODES)
def test_rewrite_under_load(tmp_path: Path, mode: str) -> None:
    """Repeated background rewrites lose no write that arrives during them."""
    with tseep(tmp_path, *APPENDING, mode=mode) as server, server.connect() as client:
        for turn in range(4):
            assert client("BGREWRITEAOF") == "Background append only file rewriting started"
            number = 0
            while info(client, "aof_rewrite_in_progress") == "1" or number < 20:
                client("RPUSH", f"list:{turn}", number)
                number += 1
        before = contents(client)
        kill(server, client)
    assert len(list((tmp_path / "appendonlydir").iterdir())) == 3, "a base, an increment and the manifest"
    with tseep(tmp_path, *APPENDING) as server:
        assert not difference(before, held(server))


@pytest.mark.parametrize("mode", MODES)
def test_long_script_in_the_file(tmp_path: Path, mode: str) -> None:
    """Loading runs a script that takes longer than busy-reply-threshold, in every mode."""
    with tseep(tmp_path, *APPENDING, mode=mode) as server, server.connect() as client:
        client("SET", "a", 1)
        kill(server, client)
    (path,) = (tmp_path / "appendonlydir").glob("*.incr.aof")
    script = "for i = 1, 3000000 do end redis.call('SET', 'b', 2)"
    path.write_bytes(path.read_bytes() + encode("EVAL", script, 0))
    with tseep(tmp_path, *APPENDING, "--busy-reply-threshold", "1", mode=mode) as server, server.connect() as client:
        assert [client("GET", "a"), client("GET", "b")] == [b"1", b"2"]


def test_rewrite_by_growth(tmp_path: Path) -> None:
    """The server rewrites the file when it has grown by auto-aof-rewrite-percentage."""
    options = ("--auto-aof-rewrite-min-size", "10kb", "--auto-aof-rewrite-percentage", "50")
    with tseep(tmp_path, *APPENDING, *options) as server, server.connect() as client:
        for number in range(1000):
            client("SET", "a", number)
        until(lambda: int(info(client, "aof_rewrites")) >= 1, "a rewrite starts")
        # 29,000 bytes are written, and a rewrite starts at 10 KiB or more
        until(lambda: int(info(client, "aof_current_size")) < 20_000, "the file is shorter than what was written")
        assert client("GET", "a") == b"999"


@pytest.mark.parametrize("mode", MODES)
def test_switched_on_and_off(tmp_path: Path, mode: str) -> None:
    """CONFIG SET appendonly yes writes the present data to the file, and no closes it."""
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


def test_truncated_end(tmp_path: Path) -> None:
    """A truncated last command or transaction is removed and logged, or stops the start with aof-load-truncated no."""
    with tseep(tmp_path, *APPENDING) as server, server.connect() as client:
        client("SET", "a", 1)
        client("MULTI"), client("SET", "b", 2), client("SET", "c", 3), client("EXEC")
        kill(server, client)
    (path,) = (tmp_path / "appendonlydir").glob("*.incr.aof")
    whole = path.read_bytes()
    good = whole.index(b"*1\r\n$5\r\nMULTI")
    for cut in (1, 14, 15, 30):
        path.write_bytes(whole[:-cut])
        with pytest.raises(
            AssertionError, match=f"complete up to byte {good}; .* or start with --aof-load-truncated yes"
        ):
            tseep(tmp_path, *APPENDING, "--aof-load-truncated", "no")
        assert path.read_bytes() == whole[:-cut]
        with tseep(tmp_path, *APPENDING) as server, server.connect() as client:
            assert client("MGET", "a", "b", "c") == [b"1", None, None]
            assert "are removed (aof-load-truncated)" in server.output
        assert path.read_bytes() == whole[:good]


BAD_FORMAT = "Bad file format reading the append only file .*incr.aof: at byte 23: "


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (b"*2\r\n$3\r\nGET\r\n$5\r\nab\r\n", BAD_FORMAT + "an argument is longer or shorter"),
        (encoded(b"NOSUCH x"), "at byte 23: Unknown command 'NOSUCH' reading the append only file .*incr.aof"),
        (encoded(b"SET x"), BAD_FORMAT + "wrong number of arguments for b'SET': 1"),
        (b"*x\r\n", BAD_FORMAT + "no number after"),
    ],
)
def test_damaged_middle(tmp_path: Path, damage: bytes, message: str) -> None:
    """A damaged file stops the start with the offset of the damage, and stays unchanged."""
    with tseep(tmp_path, *APPENDING) as server:
        assert server.stop() == 0
    (path,) = (tmp_path / "appendonlydir").glob("*.incr.aof")
    text = encoded(b"SELECT 0") + damage + encoded(b"SET a 1")
    path.write_bytes(text)
    with pytest.raises(AssertionError, match=f"tseep: {message}"):
        tseep(tmp_path, *APPENDING)
    assert path.read_bytes() == text


@pytest.mark.parametrize(
    "lines",
    [
        [b"SELECT 0", b"LPUSH l x", b"INCR l"],
        [b"SELECT 0", b"LPUSH l x", b"MULTI", b"SET a 1", b"INCR l", b"EXEC"],
        [b"SELECT 2", b"SET a 1", b"SELECT 3", b"SET b 1"],
        [b"SET a 1", b"MOVE a 9"],
    ],
    ids=["fails", "fails in a transaction", "no such database", "moved to no such database"],
)
def test_command_that_fails(tmp_path: Path, lines: list[bytes]) -> None:
    """A failing command stops the start, with its offset in the error, as later commands would give other data."""
    with tseep(tmp_path, *APPENDING) as server:
        assert server.stop() == 0
    (path,) = (tmp_path / "appendonlydir").glob("*.incr.aof")
    path.write_bytes(b"".join(map(encoded, lines)))
    (at,) = (at for at, line in enumerate(lines) if line in (b"INCR l", b"SELECT 3", b"MOVE a 9"))
    place = len(b"".join(map(encoded, lines[:at])))
    begin, why = "Bad file format reading the append only file", "failed: WRONGTYPE"
    if at and b"INCR" not in lines[at]:
        begin, why = "Fatal error loading the DB:", "needs more databases than 3; see --databases$"
    with Process(
        [sys.executable, "-m", "tseep", "--dir", str(tmp_path), *APPENDING, "--databases", "3", *ANYWHERE]
    ) as run:
        assert run.wait() == 1
        assert re.search(f"tseep: {begin} {path}: at byte {place}: .*{why}", run.output, re.MULTILINE), run.output


@pytest.mark.parametrize("mode", MODES)
def test_longer_than_proto_max_bulk_len(tmp_path: Path, mode: str) -> None:
    """Loading accepts values longer than proto-max-bulk-len that scripts, effects or earlier limits allowed."""
    options = (*APPENDING, "--proto-max-bulk-len", "1mb", "--client-query-buffer-limit", "1mb")
    with tseep(tmp_path, *options, mode=mode) as server, server.connect() as client:
        client("CONFIG", "SET", "proto-max-bulk-len", "4mb", "client-query-buffer-limit", "64mb")
        client("SET", "sent", "x" * 3_000_000), client("APPEND", "sent", "y"), client("SETBIT", "bits", 30_000_000, 1)
        client("EVAL", "redis.call('SET', KEYS[1], string.rep('x', 3000000))", 1, "made")
        client("SADD", "set", *range(300_000)), client("SPOP", "set", 299_999)
        before = contents(client)
        kill(server, client)
    with tseep(tmp_path, *options, mode=mode) as server:
        assert not difference(before, held(server))


@pytest.mark.soak
def test_largest_values(tmp_path: Path) -> None:
    """Loading a value of 600 MB and a command of over 1 GB uses little more memory than the data."""
    options = (*APPENDING, "--auto-aof-rewrite-percentage", "0")
    size = 600_000_000
    with tseep(tmp_path, *options) as server, server.connect() as client:
        client("EVAL", f"redis.call('SET', KEYS[1], string.rep('x', {size}))", 1, "a")
        kill(server, client)
    with tseep(tmp_path, *options) as server, server.connect() as client:
        assert client("STRLEN", "a") == size
        assert anonymous_memory(server) < 1.2 * size
        assert client("BGREWRITEAOF") == "Background append only file rewriting started"
        until(lambda: info(client, "aof_rewrite_in_progress") == "0", "the rewrite is complete")
        kill(server, client)
    with tseep(tmp_path, *options) as server, server.connect() as client:
        assert client("STRLEN", "a") == size
        client("DEL", "a")
        kill(server, client)
    (path,) = (tmp_path / "appendonlydir").glob("*.incr.aof")
    with open(path, "ab") as file:
        file.write(b"*1102\r\n$5\r\nRPUSH\r\n$1\r\nl\r\n")
        for _ in range(1100):
            file.write(b"$1000000\r\n" + b"y" * 1_000_000 + b"\r\n")
    with tseep(tmp_path, *options) as server, server.connect() as client:
        assert client("LLEN", "l") == 1100


def anonymous_memory(server: Tseep) -> int:
    """Memory of a server in bytes, without file-backed pages."""
    return server.memory - server._status("RssFile") * 1024


@pytest.mark.parametrize(
    ("mode", "options"),
    [("v2", ()), ("v2", ("--save", "60 1")), *[(mode, APPENDING) for mode in MODES]],  # all modes have the same lock
)
def test_two_servers_in_one_folder(tmp_path: Path, mode: str, options: Sequence[str]) -> None:
    """A second server in a folder does not start, and names the first one; after a kill a new one starts at once."""
    with tseep(tmp_path, *options, mode=mode) as server, server.connect() as client:
        client("SET", "a", 1), client("BGSAVE")
        for others in ((), APPENDING):
            with Process([sys.executable, "-m", "tseep", "--dir", str(tmp_path), *others, *ANYWHERE]) as second:
                assert second.wait() == 1
                said = f"tseep: another server uses the directory {tmp_path} (process {server.pid}); stop it, or give"
                assert said in second.output
        client("BGSAVE")
        server.send_signal(signal.SIGKILL)
        server.wait()
        with tseep(tmp_path, *options, mode=mode) as again:
            assert again.stop() == 0


@pytest.mark.parametrize("mode", MODES)
def test_full_disk(tmp_path: Path, mode: str) -> None:
    """With a full disk, writes get MISCONF; no write acknowledged before is lost."""
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
    """With appendfsync always and a full disk, the server exits without acknowledging the write."""
    options = (*APPENDING, "--appendfsync", "always")
    with tseep(tmp_path, *options, mode=mode, largest_file=4096) as server, server.connect() as client:
        acknowledged = 0
        try:
            while client("RPUSH", "l", acknowledged) == acknowledged + 1:
                acknowledged += 1
        except (ConnectionError, EOFError):
            pass
        assert server.wait() == 1
        assert "Exiting at once: cannot write to" in server.output
    with tseep(tmp_path, *options) as server, server.connect() as client:
        assert client("LLEN", "l") == acknowledged


@pytest.mark.parametrize("mode", MODES)
def test_shutdown_that_would_lose_changes(mode: str, tmp_path: Path) -> None:
    """SHUTDOWN and SIGTERM are refused while acknowledged changes cannot be written; SHUTDOWN NOSAVE is not."""
    with tseep(tmp_path, *APPENDING, mode=mode, largest_file=200_000) as server, server.connect() as client:
        assert client("SET", "k", "x" * 300_000) == "OK"
        assert "Errors trying to SHUTDOWN" in client("SHUTDOWN")
        server.send_signal(signal.SIGTERM)
        server.wait_for("Shutdown refused, as data would be lost: cannot keep the last changes in .*File too large")
        assert client("GET", "k") == b"x" * 300_000
        client.send(encode("SHUTDOWN", "NOSAVE"))
        assert server.wait() == 0
