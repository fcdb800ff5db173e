"""
CLIENT TRACKING: invalidation messages for clients with a local cache. Source:
https://redis.io/docs/latest/develop/reference/client-side-caching/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tseep.protocol.resp import ENCODERS
from tseep.replies import Push

if TYPE_CHECKING:
    from tseep.coordination.timers import DeferredCalls
    from tseep.registry.table import Command
    from tseep.session.session import Session

CHANNEL = b"__redis__:invalidate"
"""The Pub/Sub channel of invalidation messages in RESP2, for clients that others redirect to."""

_CARRIERS = frozenset({b"eval_ro", b"evalsha_ro", b"fcall_ro"})
"""Read-only commands that only call other commands, and whose own keys are not tracked."""

_EVERYTHING = None
"""In place of a list of keys: invalidate the whole cache."""


class Tracked:
    """
    The tracking options of a client.

    @ivar id: the client's ID, also for reads of the scripts that it runs.
    @ivar redirect: ID of the client that receives the invalidations; 0 for the client itself.
    @ivar prefixes: in broadcasting mode (C{BCAST}) the prefixes of the keys to report; the empty one matches all keys.
        None in default mode, where the keys that the client has read are reported.
    @ivar opt_in: True if reads are tracked only after CLIENT CACHING YES.
    @ivar opt_out: True if reads are tracked except after CLIENT CACHING NO.
    @ivar no_loop: True if the client's own changes are not reported to it.
    @ivar caching: True for the command (or transaction) after CLIENT CACHING.
    @ivar broken: True if the client of C{redirect} has disconnected.
    """

    __slots__ = ("broken", "caching", "id", "no_loop", "opt_in", "opt_out", "prefixes", "redirect")

    def __init__(self, redirect: int, prefixes: dict[bytes, None] | None, opt: bytes, no_loop: bool) -> None:
        self.id = 0
        self.redirect = redirect
        self.prefixes = prefixes
        self.opt_in = opt == b"optin"
        self.opt_out = opt == b"optout"
        self.no_loop = no_loop
        self.caching = self.broken = False

    @property
    def records_reads(self) -> bool:
        """True if the keys that the client reads now are tracked."""
        if self.prefixes is not None:
            return False
        return self.caching if self.opt_in else not (self.opt_out and self.caching)


class Tracking:
    """
    The clients with tracking enabled, and the keys that they have read.

    @param deferred: functions that are called after the running command: here invalidations are sent.
    @ivar sessions: the clients with tracking enabled, by ID.
    @ivar readers: by key the IDs of the clients that have read it since its last change. As in Redis keys of the same
        name in different databases are not distinguished.
    @ivar prefixes: the prefixes of all clients in broadcasting mode.
    @ivar max_keys: maximum number of tracked keys (tracking-table-max-keys); 0 for no limit.
    """

    def __init__(self, deferred: DeferredCalls, max_keys: int = 0) -> None:
        self.sessions: dict[int, Session] = {}
        self.readers: dict[bytes, set[int]] = {}
        self.prefixes: set[bytes] = set()
        self.max_keys = max_keys
        self._deferred = deferred
        self._caller: Tracked | None = None
        self._invalidations: list[tuple[Session, list[bytes] | None]] = []  # clients, and their stale keys
        self._changed: dict[bytes, dict[bytes, Tracked | None]] = {}  # by prefix, keys and the client that changed them

    def __bool__(self) -> bool:
        """True if any client has tracking enabled."""
        return bool(self.sessions)

    def start(self, session: Session, tracked: Tracked) -> None:
        session.tracking = tracked
        tracked.id = session.id
        self.sessions[session.id] = session
        self._update_prefixes()

    def stop(self, session: Session) -> None:
        session.tracking = None
        del self.sessions[session.id]
        self._update_prefixes()
        if not self.sessions:
            self.readers.clear()

    def _update_prefixes(self) -> None:
        self.prefixes = set().union(*[tracked.prefixes or () for _, tracked in self._pairs()])

    def _pairs(self) -> list[tuple[Session, Tracked]]:
        return [(each, each.tracking) for each in self.sessions.values() if each.tracking is not None]

    # Commands of tracked clients

    def begin(self, session: Session) -> None:
        """Called before a client with tracking runs a command: changes are now attributed to it."""
        self._caller = session.tracking

    def end(self, session: Session, command: Command, argv: list[bytes]) -> None:
        """Called after the command: track the keys that it has read."""
        self._caller = None
        tracked = session.tracking
        if tracked is None:
            return
        if "readonly" in command.flags and command.name not in _CARRIERS:
            self.remember(session, command.keys_in(argv))
        if session.transaction is None and not command.name.startswith(b"client|"):
            tracked.caching = False

    def remember(self, session: Session, keys: list[bytes]) -> None:
        """Track keys that a client has read, unless its options exclude them."""
        tracked = session.tracking
        if tracked is None or not tracked.records_reads:
            return
        for key in keys:
            self.readers.setdefault(key, set()).add(tracked.id)
        if len(self.readers) > self.max_keys > 0:
            self._forget_oldest()

    def limit(self, max_keys: int) -> None:
        """Set L{max_keys}, and invalidate the keys beyond it."""
        self.max_keys = max_keys
        self._forget_oldest()

    def _forget_oldest(self) -> None:
        """Invalidate the keys beyond L{max_keys} that were read first."""
        while len(self.readers) > self.max_keys > 0:
            self._note_read(next(iter(self.readers)), None)

    # Changes

    def note(self, key: bytes, event: bytes) -> None:
        """Schedule invalidations for a key that was changed or removed."""
        caller = None if event == b"expired" else self._caller
        if key in self.readers:
            self._note_read(key, caller)
        for prefix in self.prefixes:
            if key.startswith(prefix):
                if not self._changed:
                    self._deferred.append(self._broadcast)
                self._changed.setdefault(prefix, {}).setdefault(key, caller)

    def note_all(self) -> None:
        """Invalidate all caches: every key is about to be removed or replaced."""
        self.readers.clear()
        for session in list(self.sessions.values()):
            self._invalidate_later(session, _EVERYTHING)

    def _note_read(self, key: bytes, caller: Tracked | None) -> None:
        for id in self.readers.pop(key):
            session = self.sessions.get(id)
            if session is not None and not self._is_own(session, caller) and not self._broadcasts_to(session):
                self._invalidate_later(session, [key])

    @staticmethod
    def _broadcasts_to(session: Session) -> bool:
        """True if a client has changed to broadcasting mode; the keys that it read before are forgotten."""
        return session.tracking is not None and session.tracking.prefixes is not None

    @staticmethod
    def _is_own(session: Session, caller: Tracked | None) -> bool:
        return caller is not None and session.tracking is caller and caller.no_loop

    # Invalidation messages

    def _invalidate_later(self, session: Session, keys: list[bytes] | None) -> None:
        if not self._invalidations:
            self._deferred.append(self._send_invalidations)
        self._invalidations.append((session, keys))

    def _send_invalidations(self) -> None:
        pending, self._invalidations = self._invalidations, []
        for session, keys in pending:
            self._invalidate(session, keys)

    def _broadcast(self) -> None:
        """Send the changed keys of each prefix in one message, sorted by their bytes, as Redis does."""
        changed, self._changed = self._changed, {}
        for prefix, keys in sorted(changed.items()):
            for session, tracked in self._pairs():
                if prefix in (tracked.prefixes or ()):
                    stale = [key for key in sorted(keys) if not self._is_own(session, keys[key])]
                    if stale:
                        self._invalidate(session, stale)

    def _invalidate(self, session: Session, keys: list[bytes] | None) -> None:
        """Send an invalidation to a client or to the one it redirects to: a push in RESP3, a message in RESP2."""
        tracked = session.tracking
        if tracked is None:
            return
        listener = session
        if tracked.redirect:
            found = session.server.sessions.get(tracked.redirect)
            if found is None:
                self._break(session, tracked)
                return
            listener = found
        if listener.protocol == 3:
            listener.push(ENCODERS[3][Push](Push([b"invalidate", keys])))
        elif tracked.redirect and listener.subscriptions:
            listener.push(ENCODERS[2][Push](Push([b"message", CHANNEL, keys])))

    @staticmethod
    def _break(session: Session, tracked: Tracked) -> None:
        tracked.broken = True
        if session.protocol == 3:
            session.push(ENCODERS[3][Push](Push([b"tracking-redir-broken", tracked.redirect])))
