"""
Clients that wait for keys: BLPOP, XREAD BLOCK and the like.

Whoever waits for a key is served in the order of asking, once the command (or the whole transaction or script) that
made something of the key has ended (https://redis.io/docs/latest/commands/blpop/).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Callable

from tseep.errors import CommandError
from tseep.replies import BLOCKED, NULL_ARRAY, Reply

if TYPE_CHECKING:
    from tseep.coordination.timers import After, Timer, Timers
    from tseep.keyspace.keyspace import Database
    from tseep.session.session import Session

UNBLOCKED = "UNBLOCKED client unblocked via CLIENT UNBLOCK"


class NotYet:
    """There is nothing for the client at a key."""


NOT_YET = NotYet()

Serve = Callable[[bytes], Reply]


class Wait:
    """
    What a client waits for.

    @ivar keys: in its selected database, C{db}.
    @ivar try_serve: takes the key of which something was made; returns the reply, or L{NOT_YET}.
    @ivar timeout_reply: the reply when the time is over.
    @ivar on_served: told the reply before the client is, if somebody wants to record it.
    @ivar timer: ends it when the time is over, if that is limited.
    """

    __slots__ = ("db", "keys", "on_served", "session", "timeout_reply", "timer", "try_serve")

    def __init__(self, session: Session, keys: tuple[bytes, ...], try_serve: Serve, timeout_reply: Reply) -> None:
        self.session = session
        self.db = session.db
        self.keys = keys
        self.try_serve = try_serve
        self.timeout_reply = timeout_reply
        self.on_served: Callable[[Reply], None] | None = None
        self.timer: Timer | None = None


def block(
    session: Session, keys: list[bytes], timeout: int, try_serve: Serve, timeout_reply: Reply = NULL_ARRAY
) -> Reply:
    """
    Let a client wait. For the end of a command that has found nothing: return what this returns.

    Inside a transaction or a script nobody waits, and the time is over at once.

    @param keys: in the client's database, served in the order in which something is made of them.
    @param timeout: milliseconds; 0 for no limit.
    @param try_serve: called with a key that is ready; returns the reply, or L{NOT_YET} if there is nothing
        for this client after all: the key may be gone again, or of another type. An error that it raises is the reply.
    @param timeout_reply: the reply when the time is over.
    """
    if session.deny_blocking:
        return timeout_reply
    server = session.server
    server.blocking.add(
        Wait(session, tuple(dict.fromkeys(keys)), try_serve, timeout_reply), server.milliseconds(), timeout
    )
    server.changes.update()
    return BLOCKED


class Blocking:
    """
    All who wait, and the keys that are ready for them.

    @param after: what is done after a command: who waits is served then, and who was answered goes on.
    """

    def __init__(self, timers: Timers, after: After) -> None:
        self._ready: deque[tuple[Database, bytes]] = deque()
        self._unblocked: deque[Session] = deque()
        self._timers = timers
        self._after = after
        self._queues: dict[tuple[Database, bytes], dict[Wait, None]] = {}

    def __bool__(self) -> bool:
        """Whether anybody waits for a key."""
        return bool(self._queues)

    def add(self, wait: Wait, now: int, timeout: int) -> None:
        """Let a client wait from C{now} on, as L{Timers} count, for C{timeout} milliseconds; 0 for no limit."""
        wait.session.blocked = wait
        for key in wait.keys:
            self._queues.setdefault((wait.db, key), {})[wait] = None
        if timeout:
            wait.timer = self._timers.set(now + timeout, lambda: self.end(wait, wait.timeout_reply))

    def forget(self, wait: Wait) -> None:
        """The client waits no longer."""
        wait.session.blocked = None
        if wait.timer is not None:
            wait.timer.cancel()
        for key in wait.keys:
            place = wait.db, key
            queue = self._queues[place]
            del queue[wait]
            if not queue:
                del self._queues[place]

    def end(self, wait: Wait, reply: Reply) -> None:
        """Answer a client that waits; it goes on with its other commands soon."""
        wait.session.send_blocked_reply(reply)
        self.release(wait)

    def release(self, wait: Wait) -> None:
        """A client waits no longer, and goes on with its other commands soon."""
        self.forget(wait)
        if not self._unblocked:
            self._after.append(self._resume_all)
        self._unblocked.append(wait.session)

    def _resume_all(self) -> None:
        while self._unblocked:
            self._unblocked.popleft().connection.resume()

    def note(self, db: Database, key: bytes) -> None:
        """Something was made of a key."""
        if (db, key) in self._queues:
            self._add_ready([(db, key)])

    def note_all(self, databases: Iterable[Database]) -> None:
        """Anything may have been made of the keys of some databases."""
        chosen = list(databases)
        self._add_ready([place for place in self._queues if place[0] in chosen])

    def _add_ready(self, places: list[tuple[Database, bytes]]) -> None:
        if not self._ready:
            self._after.append(self._serve)
        self._ready.extend(places)

    def _serve(self) -> None:
        """Give what was made of the keys that are ready to those who wait for it, first come first served."""
        while self._ready:
            place = self._ready.popleft()
            for wait in list(self._queues.get(place, ())):
                if wait.session.blocked is wait:
                    self._try(wait, place[1])

    def _try(self, wait: Wait, key: bytes) -> None:
        try:
            reply = wait.try_serve(key)
            if wait.on_served is not None and reply is not NOT_YET:
                wait.on_served(reply)
        except CommandError as error:
            reply = error
        if reply is not NOT_YET:
            self.end(wait, reply)
