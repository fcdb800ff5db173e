"""The limits on the output of clients (C{client-output-buffer-limit})."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tseep.session.client_info import describe
from tseep.system.process import release_memory

if TYPE_CHECKING:
    from tseep.server.server import Server
    from tseep.session.session import Session

MOST_OUTPUT = 1024 * 1024
"""Bytes of replies after which a session stops until the mode calls C{Session.resume}."""

LARGE_OUTPUT = 16 * 1024 * 1024
"""Bytes of unsent output of one client after which freed memory is returned to the system (malloc_trim)."""

UNAUTHENTICATED_OUTPUT = 1024
"""Limit of the unsent output of a client that has to authenticate, in bytes, as in Redis."""


class OutputLimits:
    """
    C{client-output-buffer-limit}: closes clients whose output exceeds a limit
    (https://redis.io/docs/latest/develop/reference/clients/).

    @ivar batch: bytes of replies after which a session stops, to pass its output on: the lowest hard limit, at most
        L{MOST_OUTPUT}.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self.batch = MOST_OUTPUT
        self.apply_config()
        self._behind: set[Session] = set()  # the clients with unsent output
        self._large = False  # whether one of them had LARGE_OUTPUT

    def apply_config(self) -> None:
        limits = self._server.config["client-output-buffer-limit"]
        self.batch = min([MOST_OUTPUT, *(hard for hard, _, _ in limits.values() if hard)])

    def admits(self, session: Session, size: int) -> bool:
        """
        Return whether C{size} bytes can be added to a client's output. If its hard limit forbids it, close the client,
        which gets none of them, as in Redis.
        """
        if session.id not in self._server.sessions:
            return True  # a script's session, or one that is closed already
        hard = self._limits(session)[0]
        if not hard or size + session.connection.unsent < hard:
            return True
        self._close(session)
        return False

    def _limits(self, session: Session) -> tuple[int, int, int]:
        limits = self._server.config["client-output-buffer-limit"]
        hard, soft, seconds = limits["pubsub" if session.subscriptions else "normal"]
        return (hard if session.trusted else UNAUTHENTICATED_OUTPUT, soft, seconds)

    def _close(self, session: Session) -> None:
        client = describe(session).decode("utf-8", "replace")
        self._server.host.log(3, f"Client {client} closed for overcoming of output buffer limits.")
        self._server.disconnect(session)
        session.connection.close()

    def check(self, session: Session, unsent: int) -> None:
        """
        Close a client if its unsent output exceeds a limit. Called when output remains unsent, then once a second.

        @param unsent: bytes.
        """
        server = self._server
        if session.id not in server.sessions:
            return  # already closed
        hard, soft, seconds = self._limits(session)
        now = server.monotonic()
        if not soft or unsent < soft:
            session.soft_since = None
        elif session.soft_since is None:
            session.soft_since = now
        too_long = session.soft_since is not None and now - session.soft_since > seconds
        if (hard and unsent >= hard) or too_long:
            self._close(session)
        elif unsent:
            server.client_memory.update(session)
            self._behind.add(session)
            self._large = self._large or unsent >= LARGE_OUTPUT
        else:
            self._behind.discard(session)

    def check_all(self) -> None:
        """Check all clients with unsent output; return memory to the system when the last large output was sent."""
        for session in list(self._behind):
            self.check(session, session.connection.unsent)
        if self._large and not self._behind:
            self._large = False
            release_memory()

    def forget(self, session: Session) -> None:
        self._behind.discard(session)
