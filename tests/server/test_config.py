"""Configuration files: redis-server and tseep read each other's CONFIG REWRITE."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ..support.servers import Process, Redis, Tseep

FILE = """# kept
timeout 5

client-output-buffer-limit pubsub 64mb 16mb 90
user eve on >pw ~k* resetchannels &c* -@all +get
"""

CHANGES = {
    "timeout": "77", "maxmemory": "100mb", "maxmemory-policy": "allkeys-lfu", "save": "900 1 60 100",
    "requirepass": 'a "b" \\ \xff', "notify-keyspace-events": "KEA", "slowlog-max-len": "7",
    "client-output-buffer-limit": "normal 1mb 0 0", "lua-time-limit": "123",
}  # fmt: skip


def change(client: Any) -> None:
    """Change parameters and users, and run CONFIG REWRITE."""
    for name, value in CHANGES.items():
        assert client("CONFIG", "SET", name, value) == "OK", name
    assert client("ACL", "SETUSER", "bob", "on", "nopass", "~*", "+@all", "(%R~x +get)") == "OK"
    assert client("CONFIG", "REWRITE") == "OK"


def state(client: Any) -> Any:
    """The present values of what L{change} changes."""
    assert client("AUTH", "bob", "") == "OK"
    parameters = {name: client("CONFIG", "GET", name) for name in CHANGES}
    users = {name: client("ACL", "GETUSER", name) for name in ("bob", "eve", "default")}
    users["default"][1] = []  # sanitize-payload, a flag that only one of them shows
    return parameters, users


def test_redis_reads_the_file_of_tseep(tmp_path: Path) -> None:
    """redis-server reads a file that tseep has rewritten, and tseep reads it again."""
    file = tmp_path / "a.conf"
    file.write_text(FILE)
    with Tseep("v2", "--config", str(file)) as server, server.connect() as client:
        change(client)
        ours = state(client)
        assert server.stop() == 0
    assert file.read_text().startswith("# kept\ntimeout 77\n\nclient-output-buffer-limit normal 1048576 0 0 ")
    with Tseep("v2", "--config", str(file)) as server, server.connect() as client:
        assert state(client) == ours
    theirs = tmp_path / "b.conf"
    lines = file.read_bytes().splitlines()
    own = (b"dir ", b"maxclients ")  # depend on the process
    theirs.write_bytes(b"\n".join([line for line in lines if not line.startswith(own)]))
    with Redis(config=theirs) as oracle, oracle.connect() as client:
        parameters, users = state(client)
        assert users == ours[1]
        assert parameters == ours[0]


def test_tseep_reads_the_file_of_redis(tmp_path: Path) -> None:
    """tseep reads a file that redis-server has rewritten."""
    file = tmp_path / "a.conf"
    file.write_text(FILE)
    with Redis(config=file) as oracle, oracle.connect() as client:
        change(client)
        theirs = state(client)
        with Tseep("v2", "--config", str(file)) as server, server.connect() as other:
            assert state(other) == theirs


def test_every_directive_of_redis_is_known(oracle: Redis, tmp_path: Path) -> None:
    """A file with all of redis-server's parameters and their values starts tseep; no name is unknown."""
    with oracle.connect() as client:
        answer: Any = client("CONFIG", "GET", "*")
    names, values = [each.decode() for each in answer[::2]], [each.decode() for each in answer[1::2]]
    assert len(names) > 180
    own = {"bind", "port", "unixsocket", "dir", "maxclients", "replicaof", "slaveof"}  # per process, or no value
    lines = [f'{name} "{value}"' for name, value in zip(names, values) if name not in own]
    lines += [
        f"dir {tmp_path}",
        "port 0",
        "unixsocket /tmp/x",
        "list-max-ziplist-entries 5",
        "lua-replicate-commands no",
    ]
    file = tmp_path / "all.conf"
    file.write_text("\n".join(lines))
    with Process([sys.executable, "-m", "tseep", "--check-config", str(file)]) as process:
        assert process.wait() == 0, process.output
    file.write_text("".join(f"{name} nonsense\n" for name in names))
    with Process([sys.executable, "-m", "tseep", "--check-config", str(file)]) as process:
        assert process.wait() == 1
        assert "Bad directive" not in process.output
