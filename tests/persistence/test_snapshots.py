"""Snapshots and payloads: exchange with redis-server, and errors of reading and writing them."""

from __future__ import annotations

import os
import random
import re
import signal
import struct
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import crcmod
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ..support.client import Error
from ..support.contents import contents, difference
from ..support.durable import LIBRARY, fill, fill_streams, held, info, redis_in, shut_down, tseep
from ..support.oracles import find_program
from ..support.servers import MODES, Process, Redis, Tseep, until


def test_redis_loads_the_snapshot_of_tseep(tmp_path: Path) -> None:
    """redis-server loads tseep's dump.rdb with the same data and functions, and redis-check-rdb accepts it."""
    with tseep(tmp_path) as server:
        with server.connect() as client:
            fill(client)
            assert client("FUNCTION", "LOAD", LIBRARY) == b"lib"
            assert client("SAVE") == "OK"
        before = held(server)
    command = [find_program("redis-check-rdb"), str(tmp_path / "dump.rdb")]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    with redis_in(tmp_path) as redis:
        assert not difference(before, held(redis))
        with redis.connect() as client:
            assert client("FCALL", "f", 1, "string:1") == b"7"


@pytest.mark.parametrize("compressed", ["yes", "no"])
def test_tseep_loads_the_snapshot_of_redis(tmp_path: Path, compressed: str) -> None:
    """tseep loads redis-server's dump.rdb with the same data, in all encodings, compressed or not."""
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
    """RESTORE accepts the other server's DUMP payloads, in both directions."""
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
    """RESTORE refuses a payload with a changed byte, and a truncated one."""
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
    """A payload with a valid footer."""
    return content + struct.pack("<Q", _crc64(content))


_crc64 = crcmod.mkCrcFun(0x1AD93D23594C935A9, initCrc=0, rev=True, xorOut=0)


@settings(max_examples=settings.default.max_examples * 3)
@given(st.data())
def test_payloads_with_faults_inside(v2: Tseep, oracle: Redis, data: Any) -> None:
    """RESTORE loads or refuses damaged payloads with a valid checksum, and the server continues."""
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
def _payloads(oracle: Redis) -> list[bytes]:
    """redis-server's DUMP payloads of keys of all types."""
    with oracle.connect() as client:
        fill(client)
        found = [client("DUMP", key) for key in client("KEYS", "*") if b"3000" not in key]
        client("FLUSHALL")
        return sorted(found)


def test_snapshot_in_the_background(tmp_path: Path) -> None:
    """BGSAVE saves the data as of its start, while clients change them; LASTSAVE and INFO report it."""
    with tseep(tmp_path) as server, server.connect() as client:
        fill(client)
        before, began = contents(client), client("LASTSAVE")
        assert client("BGSAVE") == "Background saving started"
        client("FLUSHDB")
        until(lambda: info(client, "rdb_bgsave_in_progress") == "0", "the snapshot is complete")
        assert info(client, "rdb_last_bgsave_status") == "ok" and client("LASTSAVE") >= began
        shut_down(client, "NOSAVE")
    with tseep(tmp_path) as server:
        assert not difference(before, held(server))


def test_save_points(tmp_path: Path) -> None:
    """The server writes a snapshot at a save point, at shutdown, and after FLUSHALL."""
    with tseep(tmp_path, "--save", "1 3") as server, server.connect() as client:
        client("MSET", "a", 1, "b", 2, "c", 3)
        until(lambda: info(client, "rdb_saves") == "1", "a snapshot is due")
        until(lambda: info(client, "rdb_changes_since_last_save") == "0", "the snapshot is complete")
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
    """A failed snapshot is reported, and keeps the old file; BGSAVE's blocks writes with MISCONF until one succeeds."""
    folder = tmp_path / "data"
    folder.mkdir()
    with tseep(folder, "--save", "3600 1") as server, server.connect() as client:
        client("SET", "a", 1)
        folder.rename(tmp_path / "away")
        assert "cannot save" in client("SAVE") and "No such file" in client("SAVE")
        assert client("SET", "a", 1) == "OK"
        assert client("BGSAVE") == "Background saving started"
        until(lambda: info(client, "rdb_last_bgsave_status") == "err", "the snapshot has failed")
        assert client("SET", "a", 2).startswith("MISCONF") and client("PING").startswith("MISCONF")
        assert client("GET", "a") == b"1"
        assert "MISCONF" in client("EVAL", "return redis.call('SET', 'a', 2)", 0)
        assert "Errors trying to SHUTDOWN" in client("SHUTDOWN")
        server.send_signal(signal.SIGTERM)
        server.wait_for("Shutdown refused, as data would be lost")
        (tmp_path / "away").rename(folder)
        assert client("SAVE") == "OK"
        assert client("SET", "a", 2) == "OK"


def test_snapshot_that_is_not_a_file(tmp_path: Path) -> None:
    """A FIFO or a folder in place of dump.rdb stops the start; opening a FIFO would block."""
    for make in (os.mkfifo, os.mkdir):
        folder = tmp_path / make.__name__
        folder.mkdir()
        make(folder / "dump.rdb")
        with pytest.raises(AssertionError, match=r"dump\.rdb: it is not a regular file"):
            tseep(folder)


def test_replaced_folder(tmp_path: Path) -> None:
    """A server whose folder was renamed does not write into the new folder of that name, another server's."""
    folder = tmp_path / "data"
    folder.mkdir()
    with tseep(folder, "--appendonly", "yes") as first, first.connect() as client:
        client("SET", "first", 1)
        folder.rename(tmp_path / "away")
        folder.mkdir()
        with tseep(folder) as second, second.connect() as other:
            other("SET", "second", 2)
            assert other("SAVE") == "OK"
            assert "the directory was replaced" in client("SAVE")
            assert client("BGSAVE") == "Background saving started"
            until(lambda: info(client, "rdb_bgsave_in_progress") == "0", "the save has failed")
            assert info(client, "rdb_last_bgsave_status") == "err"
            assert "the directory was replaced" in client("BGREWRITEAOF")
            assert sorted(path.name for path in folder.iterdir()) == ["dump.rdb"]
        with tseep(folder) as second, second.connect() as other:
            assert other("KEYS", "*") == [b"second"]


_SNAPSHOT = b"REDIS0010\xfe\0\0\x01a\x01b\xff"


@pytest.mark.parametrize(
    ("mode", "damage", "why"),
    [
        ("v2", b"", "not an RDB file"),
        ("v2", b"REDIS0010", "unexpected end of data"),
        ("v2", b"nonsense at all", "not an RDB file"),
        ("v2", _seal(_SNAPSHOT)[:-1], "unexpected end of data"),
        ("v2", _seal(_SNAPSHOT)[:15], "damaged at byte 16"),
        *[(mode, _SNAPSHOT + b"checksum", "RDB CRC error") for mode in MODES],  # all modes end at any such error alike
        (
            "v2",
            _SNAPSHOT.replace(b"\xfe\0", b"\xfe\x11") + bytes(8),
            "there is no database 17, only 16 databases; see --databases",
        ),
    ],
)
def test_snapshot_that_cannot_be_read(tmp_path: Path, mode: str, damage: bytes, why: str) -> None:
    """A snapshot that cannot be loaded stops the start with one line of error, and stays unchanged."""
    path = tmp_path / "dump.rdb"
    path.write_bytes(damage)
    options = ["--mode", mode, "--dir", str(tmp_path), "--listen", "tcp:0:interface=127.0.0.1"]
    with Process([sys.executable, "-m", "tseep", *options]) as server:
        assert server.wait() == 1
        assert re.search(f"tseep: Fatal error loading the DB: {path}: .*{why}", server.output), server.output
    assert path.read_bytes() == damage
    assert list(tmp_path.iterdir()) == [path]
