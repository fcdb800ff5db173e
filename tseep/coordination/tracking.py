"""
Clients that keep values in a cache of their own, and are told which ones are out of date
(https://redis.io/docs/latest/develop/reference/client-side-caching/).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tseep.protocol.resp import ENCODERS
from tseep.replies import Push

if TYPE_CHECKING:
    from tseep.coordination.timers import After
    from tseep.registry.table import Command
    from tseep.session.session import Session

CHANNEL = b"__redis__:invalidate"
"""Where a subscriber hears what is out of date in another client's cache."""

_CARRIERS = frozenset({b"eval_ro", b"evalsha_ro", b"fcall_ro"})
"""Commands that read nothing themselves."""

_EVERYTHING = None
"""In place of keys: all of them."""


class Tracked:
    """
    How a client wants to be told.

    @ivar id: the client's number; scripts that it runs are told of in its place.
    @ivar redirect: the number of the client that is told in its place; 0 for none.
    @ivar prefixes: for a client that is told of every change (C{BCAST}), what the keys begin with that it wants to know
        of; the empty one stands for all keys. None for one that is told of what it has read.
    @ivar opt_in: whether what it reads counts only after CLIENT CACHING YES; C{opt_out}: not after CLIENT CACHING NO.
    @ivar no_loop: whether it is not told of its own changes.
    @ivar caching: whether it has just said CLIENT CACHING.
    @ivar broken: whether the client that is told in its place is gone.
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
        """Whether what it reads now counts."""
        if self.prefixes is not None:
            return False
        return self.caching if self.opt_in else not (self.opt_out and self.caching)


class Tracking:
    """
    All who are to be told, and what they have read.

    @param after: what is done after a command: who is concerned is told then.
    @ivar sessions: the clients with tracking on.
    @ivar readers: by key, the numbers of those that have read it since it last changed. Of which database a key is does
        not matter, as in Redis.
    @ivar prefixes: what the keys begin with that somebody wants to know of, whoever changes them.
    @ivar max_keys: maximum number of tracked keys (tracking-table-max-keys); 0 for no limit.
    """

    def __init__(self, after: After, max_keys: int = 0) -> None:
        self.sessions: dict[int, Session] = {}
        self.readers: dict[bytes, set[int]] = {}
        self.prefixes: set[bytes] = set()
        self.max_keys = max_keys
        self._after = after
        self._caller: Tracked | None = None
        self._invalidations: list[
            tuple[Session, list[bytes] | None]
        ] = []  # clients, and what is out of date in their caches
        self._changed: dict[bytes, dict[bytes, Tracked | None]] = {}  # by prefix, keys and by whom they were changed

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.sessions)

    def start(self, session: Session, tracked: Tracked) -> None:
        """Tell a client from now on."""
        session.tracking = tracked
        tracked.id = session.id
        self.sessions[session.id] = session
        self._update_prefixes()

    def stop(self, session: Session) -> None:
        """Tell it no more."""
        session.tracking = None
        del self.sessions[session.id]
        self._update_prefixes()
        if not self.sessions:
            self.readers.clear()

    def _update_prefixes(self) -> None:
        self.prefixes = set().union(*[tracked.prefixes or () for _, tracked in self._pairs()])

    def _pairs(self) -> list[tuple[Session, Tracked]]:
        return [(each, each.tracking) for each in self.sessions.values() if each.tracking is not None]

    # What such a client does

    def begin(self, session: Session) -> None:
        """It is about to run a command: what that changes is its own doing."""
        self._caller = session.tracking

    def end(self, session: Session, command: Command, argv: list[bytes]) -> None:
        """It has run the command."""
        self._caller = None
        tracked = session.tracking
        if tracked is None:
            return
        if tracked.records_reads and "readonly" in command.flags and command.name not in _CARRIERS:
            self._remember(tracked, command.keys_in(argv))
        if session.transaction is None and not command.name.startswith(b"client|"):
            tracked.caching = False

    def _remember(self, tracked: Tracked, keys: list[bytes]) -> None:
        for key in keys:
            self.readers.setdefault(key, set()).add(tracked.id)
        while self.max_keys and len(self.readers) > self.max_keys:
            self._note_read(next(iter(self.readers)), None)

    # What happens to keys

    def note(self, key: bytes, event: bytes) -> None:
        """A key was changed or removed."""
        caller = None if event == b"expired" else self._caller
        if key in self.readers:
            self._note_read(key, caller)
        for prefix in self.prefixes:
            if key.startswith(prefix):
                if not self._changed:
                    self._after.append(self._broadcast)
                self._changed.setdefault(prefix, {}).setdefault(key, caller)

    def note_all(self) -> None:
        """Every key is about to be removed, or may be another."""
        self.readers.clear()
        for session in list(self.sessions.values()):
            self._invalidate_later(session, _EVERYTHING)

    def _note_read(self, key: bytes, caller: Tracked | None) -> None:
        for id in self.readers.pop(key):
            session = self.sessions.get(id)
            if session is not None and not self._is_own(session, caller):
                self._invalidate_later(session, [key])

    @staticmethod
    def _is_own(session: Session, caller: Tracked | None) -> bool:
        return caller is not None and session.tracking is caller and caller.no_loop

    # Telling

    def _invalidate_later(self, session: Session, keys: list[bytes] | None) -> None:
        if not self._invalidations:
            self._after.append(self._send_invalidations)
        self._invalidations.append((session, keys))

    def _send_invalidations(self) -> None:
        pending, self._invalidations = self._invalidations, []
        for session, keys in pending:
            self._invalidate(session, keys)

    def _broadcast(self) -> None:
        """Send all keys that have changed under a prefix together, as Redis does: in the order of their bytes."""
        changed, self._changed = self._changed, {}
        for prefix, keys in sorted(changed.items()):
            for session, tracked in self._pairs():
                if prefix in (tracked.prefixes or ()):
                    stale = [key for key in sorted(keys) if not self._is_own(session, keys[key])]
                    if stale:
                        self._invalidate(session, stale)

    def _invalidate(self, session: Session, keys: list[bytes] | None) -> None:
        """Send an invalidation to a client, or to the one in its place; one that speaks RESP2 hears it as a message."""
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
