"""
Clients blocked on keys by BLPOP, XREAD BLOCK and the like.

The clients blocked on a key are served first come, first served, after the command (or the whole transaction or script)
that made the key ready. Source: https://redis.io/docs/latest/commands/blpop/.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Callable

from tseep.errors import CommandError
from tseep.replies import BLOCKED, NULL_ARRAY, Reply

if TYPE_CHECKING:
    from tseep.coordination.timers import DeferredCalls, Timer, Timers
    from tseep.keyspace.database import Database
    from tseep.session.session import Session

UNBLOCKED = "UNBLOCKED client unblocked via CLIENT UNBLOCK"


class NotYet:
    """The type of L{NOT_YET}: the key has nothing for the client, which stays blocked."""


NOT_YET = NotYet()

Serve = Callable[[bytes], Reply]


class Wait:
    """
    The blocking command of a client.

    @ivar keys: the keys, in the database C{db}.
    @ivar try_serve: called with a key that is ready; returns the reply, or L{NOT_YET}.
    @ivar timeout_reply: the reply on timeout.
    @ivar on_served: called with the reply before it is sent, if propagation has to record it.
    @ivar timer: the timeout, if there is one.
    @ivar argv: the command's arguments, for the slow log. C{spent}: nanoseconds that it took until it blocked, if that
        was slow.
    """

    __slots__ = ("argv", "db", "keys", "on_served", "session", "spent", "timeout_reply", "timer", "try_serve")

    def __init__(self, session: Session, keys: tuple[bytes, ...], try_serve: Serve, timeout_reply: Reply) -> None:
        self.session = session
        self.db = session.db
        self.keys = keys
        self.try_serve = try_serve
        self.timeout_reply = timeout_reply
        self.on_served: Callable[[Reply], None] | None = None
        self.timer: Timer | None = None
        self.argv: list[bytes] = []
        self.spent = 0


def block(
    session: Session, keys: list[bytes], timeout: int, try_serve: Serve, timeout_reply: Reply = NULL_ARRAY
) -> Reply:
    """
    Block a client. A command that has found nothing returns what this returns.

    In a transaction or a script no command blocks: C{timeout_reply} is returned at once.

    @param keys: keys of the client's database; the first that becomes ready is served.
    @param timeout: milliseconds; 0 for no limit.
    @param try_serve: called with a key that is ready; returns the reply, or L{NOT_YET} if there is nothing
        for this client, as the key has been deleted again or has another type. A CommandError that it raises is the
        reply.
    @param timeout_reply: the reply on timeout.
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
    The blocked clients, and the keys that are ready for them.

    @param deferred: functions that are called after the running command: here clients are served and resumed.
    """

    def __init__(self, timers: Timers, deferred: DeferredCalls) -> None:
        self._ready: deque[tuple[Database, bytes]] = deque()
        self._unblocked: deque[Session] = deque()
        self._timers = timers
        self._deferred = deferred
        self._queues: dict[tuple[Database, bytes], dict[Wait, None]] = {}

    def __bool__(self) -> bool:
        """True if any client is blocked on a key."""
        return bool(self._queues)

    def add(self, wait: Wait, now: int, timeout: int) -> None:
        """Block a client at time C{now} of L{Timers}, for C{timeout} milliseconds; 0 for no limit."""
        wait.session.blocked = wait
        for key in wait.keys:
            self._queues.setdefault((wait.db, key), {})[wait] = None
        if timeout:
            wait.timer = self._timers.set(now + timeout, lambda: self.end(wait, wait.timeout_reply))

    def forget(self, wait: Wait) -> None:
        """Remove a client from the queues without a reply; it is not resumed."""
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
        """Unblock a client with a reply, and resume it."""
        wait.session.send_blocked_reply(reply)
        self.release(wait)

    def release(self, wait: Wait) -> None:
        """Unblock a client, and resume its pending commands after the running command."""
        self.forget(wait)
        if not self._unblocked:
            self._deferred.append(self._resume_all)
        self._unblocked.append(wait.session)

    def _resume_all(self) -> None:
        while self._unblocked:
            self._unblocked.popleft().connection.resume()

    def note(self, db: Database, key: bytes) -> None:
        """Mark a key as ready: it was created or has grown."""
        if (db, key) in self._queues:
            self._add_ready([(db, key)])

    def note_all(self, databases: Iterable[Database]) -> None:
        """Mark all keys of some databases as ready, after their contents have been replaced."""
        chosen = list(databases)
        self._add_ready([place for place in self._queues if place[0] in chosen])

    def _add_ready(self, places: list[tuple[Database, bytes]]) -> None:
        if not self._ready:
            self._deferred.append(self._serve)
        self._ready.extend(places)

    def _serve(self) -> None:
        """Serve the clients blocked on the keys that are ready, first come, first served."""
        while self._ready:
            place = self._ready.popleft()
            for wait in list(self._queues.get(place, ())):
                if wait.session.blocked is wait:
                    self._try(wait, place[1])

    def _try(self, wait: Wait, key: bytes) -> None:
        start = wait.session.server.timer()
        try:
            reply = wait.try_serve(key)
            if wait.on_served is not None and reply is not NOT_YET:
                wait.on_served(reply)
        except CommandError as error:
            reply = error
        if reply is not NOT_YET:
            wait.session.count_served(wait, start)
            self.end(wait, reply)
