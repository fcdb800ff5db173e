"""Servers with persistence, and keys of every type to store."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from .client import Client
from .contents import Contents, contents
from .servers import Redis, Tseep, until

APPENDING = ("--appendonly", "yes")


def tseep(folder: Path, *options: str, mode: str = "v2", **how: Any) -> Tseep:
    """A tseep with the folder as C{dir}."""
    return Tseep(mode, "--dir", str(folder), "--enable-debug-command", "yes", *options, **how)


def redis_in(folder: Path, *options: str) -> Redis:
    """A redis-server with the folder as C{dir}."""
    return Redis("--dir", str(folder), "--enable-debug-command", "yes", *options)


def held(server: Any) -> Contents:
    """The contents of a server."""
    with server.connect() as client:
        return contents(client)


def shut_down(client: Client, *options: str) -> None:
    """Send SHUTDOWN, and wait until the connection is closed."""
    with pytest.raises(EOFError):
        client("SHUTDOWN", *options)


def fill(client: Client) -> None:
    """Create keys of each type, small and large, so that files contain every encoding."""
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
    """Create streams with entries of different fields, deleted entries, and groups with pending entries."""
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


def info(client: Client, name: str) -> str:
    """The value of a field of INFO."""
    text = client("INFO", "everything").decode()
    return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)[name]


def kill(server: Tseep, client: Client) -> None:
    """Kill a server as soon as all its changes are written, which a slow fsync can delay with everysec."""
    until(lambda: info(client, "aof_buffer_length") == "0", "all is written")
    server.send_signal(signal.SIGKILL)
