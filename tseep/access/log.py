"""The entries of ACL LOG (https://redis.io/docs/latest/commands/acl-log/)."""

from __future__ import annotations

from typing import NamedTuple

MERGE_WINDOW_S = 60.0
"""Seconds within which equal denials count as one entry."""


class Denial(NamedTuple):
    """
    A denied command, key, channel or authentication.

    @ivar reason: C{command}, C{key}, C{channel} or C{auth}.
    @ivar context: C{toplevel}, C{multi} or C{lua}.
    @ivar what: the name of the command, key or channel.
    @ivar username: name of the user whose client was denied.
    """

    reason: str
    context: str
    what: bytes
    username: bytes


class Entry:
    """
    Equal denials, counted.

    @ivar when: time of the latest one, in seconds of the server's timer.
    @ivar client: the client of the latest one, as CLIENT LIST shows it.
    """

    __slots__ = ("client", "count", "denial", "when")

    def __init__(self, denial: Denial) -> None:
        self.denial = denial
        self.count = 0
        self.when = 0.0
        self.client = b""

    def show(self, now: float) -> dict[bytes, object]:
        """The entry as a map of ACL LOG's reply; C{now} is in seconds of the server's timer."""
        reason, context, what, username = self.denial
        return {
            b"count": self.count,
            b"reason": reason.encode(),
            b"context": context.encode(),
            b"object": what,
            b"username": username,
            b"age-seconds": now - self.when,
            b"client-info": self.client,
        }


class AclLog:
    """
    The latest denials, newest first.

    @ivar max_entries: maximum number of entries (acllog-max-len).
    """

    def __init__(self) -> None:
        self.max_entries = 128
        self._entries: list[Entry] = []

    def clear(self) -> None:
        self._entries.clear()

    def note(self, denial: Denial, now: float, client: bytes) -> None:
        """Record a denial at time C{now}, in seconds; C{client} is the client's line of CLIENT LIST."""
        entry = next((one for one in self._entries if one.denial == denial and now - one.when <= MERGE_WINDOW_S), None)
        if entry is None:
            entry = Entry(denial)
        else:
            self._entries.remove(entry)
        entry.count += 1
        entry.when, entry.client = now, client
        self._entries.insert(0, entry)
        del self._entries[self.max_entries :]

    def show(self, count: int, now: float) -> list[dict[bytes, object]]:
        """The latest C{count} entries, as ACL LOG replies them."""
        return [entry.show(now) for entry in self._entries[:count]]
