"""The contents of a server, for comparison with another one's."""

from __future__ import annotations

from typing import Any, Callable

from .client import Client

DATABASES = 16

Contents = dict[tuple[int, bytes], tuple[Any, ...]]


def contents(client: Client) -> Contents:
    """Every key's type, expiry time and value, by database and key."""
    found: Contents = {}
    client("HELLO", 3)
    for number in range(DATABASES):
        client("SELECT", number)
        for key in client("KEYS", "*"):
            kind = client("TYPE", key)
            found[number, key] = (kind, client("PEXPIRETIME", key), _READ[kind](client, key))
    client("SELECT", 0)
    return found


def difference(before: Contents, after: Contents) -> dict[Any, Any]:
    """The entries that differ: the pair of both by key."""
    keys = before.keys() | after.keys()
    return {key: (before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)}


def _stream(client: Client, key: bytes) -> Any:
    """A stream without the fields that depend on the present time or on the entries' layout in memory."""
    about = client("XINFO", "STREAM", key, "FULL", "COUNT", 0)
    groups = [
        {
            "name": group[b"name"],
            "last": group[b"last-delivered-id"],
            "read": group[b"entries-read"],
            "pending": group[b"pending"],
            "consumers": {one[b"name"]: one[b"pending"] for one in group[b"consumers"]},
        }
        for group in about[b"groups"]
    ]
    facts = (b"length", b"last-generated-id", b"max-deleted-entry-id", b"entries-added")
    return [[about[name] for name in facts], about[b"entries"], groups]


_READ: dict[str, Callable[[Client, bytes], Any]] = {
    "string": lambda client, key: client("GET", key),
    "list": lambda client, key: client("LRANGE", key, 0, -1),
    "set": lambda client, key: sorted(client("SMEMBERS", key)),
    "hash": lambda client, key: sorted(client("HGETALL", key).items()),
    "zset": lambda client, key: client("ZRANGE", key, 0, -1, "WITHSCORES"),
    "stream": _stream,
}
