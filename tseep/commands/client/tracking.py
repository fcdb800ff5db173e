"""Client-side caching: CLIENT TRACKING and others (https://redis.io/docs/latest/commands/client-tracking/)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING

from tseep.algorithms.numeric import require_integer
from tseep.coordination.tracking import Tracked
from tseep.errors import SYNTAX, CommandError
from tseep.registry.table import command
from tseep.replies import OK, Reply, SetReply

if TYPE_CHECKING:
    from tseep.session.session import Session

_NOBODY = "ERR The client ID you want redirect to does not exist"
_OTHER_MODE = (
    "ERR You can't switch %s before disabling tracking for this client, and then re-enabling it with a different mode."
)
_NOT_OPTIONAL = (
    "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled"
)
_OVERLAP = b"ERR Prefix '%b' overlaps with %b prefix '%b'. Prefixes for a single client must not overlap."


class _Options:
    """Options of CLIENT TRACKING, parsed from the words after ON or OFF."""

    def __init__(self, session: Session, words: list[bytes]) -> None:
        self.redirect = 0
        self.flags: dict[bytes, None] = {}
        self.prefixes: list[bytes] = []
        rest = iter(words)
        for word in rest:
            option = word.lower()
            if option in (b"bcast", b"optin", b"optout", b"noloop"):
                self.flags[option] = None
            elif option == b"redirect":
                self._redirect(session, next(rest, None))
            elif option == b"prefix":
                self._add_prefix(next(rest, None))
            else:
                raise CommandError(SYNTAX)

    def _redirect(self, session: Session, text: bytes | None) -> None:
        if text is None:
            raise CommandError(SYNTAX)
        if self.redirect:
            raise CommandError("ERR A client can only redirect to a single other client")
        self.redirect = require_integer(text)
        if self.redirect not in session.server.sessions:
            raise CommandError(_NOBODY)

    def _add_prefix(self, prefix: bytes | None) -> None:
        if prefix is None:
            raise CommandError(SYNTAX)
        self.prefixes.append(prefix)

    def tracked(self, before: Tracked | None) -> Tracked:
        """
        Return the new state of tracking.

        @param before: the present state; None: tracking is off.
        @raise CommandError: if options are not compatible with each other or with the present mode.
        """
        bcast, optin, optout = [name in self.flags for name in (b"bcast", b"optin", b"optout")]
        if self.prefixes and not bcast:
            raise CommandError("ERR PREFIX option requires BCAST mode to be enabled")
        if before is not None and (before.prefixes is not None) != bcast:
            raise CommandError(_OTHER_MODE % "BCAST mode on/off")
        if bcast and (optin or optout):
            raise CommandError("ERR OPTIN and OPTOUT are not compatible with BCAST")
        if optin and optout:
            raise CommandError("ERR You can't specify both OPTIN mode and OPTOUT mode")
        if before is not None and ((optin and before.opt_out) or (optout and before.opt_in)):
            raise CommandError(_OTHER_MODE % "OPTIN/OPTOUT mode")
        return Tracked(
            self.redirect,
            self._all_prefixes(before) if bcast else None,
            b"optin" if optin else b"optout" if optout else b"",
            b"noloop" in self.flags,
        )

    def _all_prefixes(self, before: Tracked | None) -> dict[bytes, None]:
        existing = (before.prefixes if before is not None else None) or {}
        for number, prefix in enumerate(self.prefixes):
            _refuse_overlap(prefix, existing, b"an existing")
            _refuse_overlap(prefix, self.prefixes[number + 1 :], b"another provided")
        return dict.fromkeys(chain(existing, self.prefixes or ([] if existing else [b""])))


def _refuse_overlap(prefix: bytes, others: Iterable[bytes], kind: bytes) -> None:
    for other in others:
        if prefix.startswith(other) or other.startswith(prefix):
            raise CommandError(_OVERLAP % (prefix, kind, other))


@command("CLIENT TRACKING")
def client_tracking(session: Session, argv: list[bytes]) -> Reply:
    options = _Options(session, argv[3:])
    tracking = session.server.tracking
    switch = argv[2].lower()
    if switch == b"on":
        tracking.start(session, options.tracked(session.tracking))
        session.server.changes.update()
    elif switch == b"off":
        if session.tracking is not None:
            tracking.stop(session)
    else:
        raise CommandError(SYNTAX)
    return OK


@command("CLIENT CACHING")
def client_caching(session: Session, argv: list[bytes]) -> Reply:
    tracked = session.tracking
    if tracked is None:
        raise CommandError(_NOT_OPTIONAL)
    word = argv[2].lower()
    if word not in (b"yes", b"no"):
        raise CommandError(SYNTAX)
    if word == b"yes" and not tracked.opt_in:
        raise CommandError("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
    if word == b"no" and not tracked.opt_out:
        raise CommandError("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
    tracked.caching = True
    return OK


@command("CLIENT GETREDIR")
def client_getredir(session: Session, argv: list[bytes]) -> Reply:
    return session.tracking.redirect if session.tracking is not None else -1


@command("CLIENT TRACKINGINFO")
def client_trackinginfo(session: Session, argv: list[bytes]) -> Reply:
    tracked = session.tracking
    return {
        b"flags": SetReply(_flags(tracked)),
        b"redirect": tracked.redirect if tracked is not None else -1,
        b"prefixes": list((tracked.prefixes if tracked is not None else None) or ()),
    }


def _flags(tracked: Tracked | None) -> list[bytes]:
    if tracked is None:
        return [b"off"]
    states = {
        b"on": True,
        b"bcast": tracked.prefixes is not None,
        b"optin": tracked.opt_in,
        b"caching-yes": tracked.opt_in and tracked.caching,
        b"optout": tracked.opt_out,
        b"caching-no": tracked.opt_out and tracked.caching,
        b"noloop": tracked.no_loop,
        b"broken_redirect": tracked.broken,
    }
    return [name for name, state in states.items() if state]
