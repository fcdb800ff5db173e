"""What was denied to clients (https://redis.io/docs/latest/commands/acl-log/)."""

from __future__ import annotations

from typing import NamedTuple

GROUPED = 60.0
"""Seconds within which the same is one entry."""


class Denial(NamedTuple):
    """
    Something that was denied.

    @ivar reason: C{command}, C{key}, C{channel} or C{auth}; C{context}: C{toplevel}, C{multi} or C{lua}.
    @ivar what: the command, key or channel; C{username}: whose it was.
    """

    reason: str
    context: str
    what: bytes
    username: bytes


class Entry:
    """
    The same as often as it happened, the last time at C{when}, in seconds of the server's timer.

    @ivar client: who did it then, as CLIENT LIST shows it.
    """

    __slots__ = ("client", "count", "happening", "when")

    def __init__(self, happening: Denial) -> None:
        self.happening = happening
        self.count = 0
        self.when = 0.0
        self.client = b""

    def show(self, now: float) -> dict[bytes, object]:
        """As ACL LOG has it."""
        reason, context, what, username = self.happening
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
    The latest entries.

    @ivar most: how many are kept (acllog-max-len).
    """

    def __init__(self) -> None:
        self.most = 128
        self._entries: list[Entry] = []

    def clear(self) -> None:
        """Forget all entries."""
        self._entries.clear()

    def note(self, happening: Denial, now: float, client: bytes) -> None:
        """Something was denied to a client."""
        entry = next((one for one in self._entries if one.happening == happening and now - one.when <= GROUPED), None)
        if entry is None:
            entry = Entry(happening)
        else:
            self._entries.remove(entry)
        entry.count += 1
        entry.when, entry.client = now, client
        self._entries.insert(0, entry)
        del self._entries[self.most :]

    def show(self, count: int, now: float) -> list[dict[bytes, object]]:
        """The latest entries."""
        return [entry.show(now) for entry in self._entries[:count]]
