"""Tests for L{tseep.coordination.tracking}, and for CLIENT TRACKING and what belongs to it."""

from __future__ import annotations

from typing import Any

from tseep.session.session import Session
from tseep.test.support import Error, Push, SessionTests, decode


def invalidated(*keys: bytes) -> Push:
    """What tells a client that keys are out of date."""
    return Push([b"invalidate", list(keys)])


class TrackingTests(SessionTests):
    """Clients with a cache of their own. The conversations of tests/server/test_conversations.py show the rest."""

    def setUp(self) -> None:
        super().setUp()
        self.cacher = self.connect()
        self.run_command("HELLO", "3", session=self.cacher)

    def track(self, *options: str, session: Session | None = None) -> None:
        """Turn tracking on for a client."""
        self.assertReply("OK", "CLIENT", "TRACKING", "ON", *options, session=session or self.cacher)

    def read(self, key: str) -> Any:
        """Let the caching client read a key."""
        return self.run_command("GET", key, session=self.cacher)

    def test_told_once(self) -> None:
        """Who has read a key is told of its next change, and not of the one after."""
        self.track()
        self.read("k")
        self.run_command("SET", "k", "1")
        self.run_command("SET", "k", "2")
        self.assertEqual([invalidated(b"k")], self.sent(self.cacher))

    def test_expiry(self) -> None:
        """A key whose time is over is out of date, even for who does not want to hear of its own changes."""
        self.track("NOLOOP")
        self.run_command("SET", "k", "1", "PX", 100)
        self.read("k")
        self.pass_time(0.2)
        self.assertEqual([None, invalidated(b"k")], decode(self.send("GET", "k", session=self.cacher)))

    def test_own_change_comes_after_the_reply(self) -> None:
        """A client hears of its own change once that is answered."""
        self.track()
        self.read("k")
        self.assertEqual(["OK", invalidated(b"k")], decode(self.send("SET", "k", 1, session=self.cacher)))

    def test_redirect(self) -> None:
        """A subscriber hears in the place of a client that speaks RESP2."""
        listener = self.connect()
        self.run_command("SUBSCRIBE", "__redis__:invalidate", session=listener)
        self.track("REDIRECT", str(listener.id), session=self.session)
        self.assertReply(listener.id, "CLIENT", "GETREDIR")
        self.run_command("GET", "k")
        self.run_command("SET", "k", "1")
        self.assertEqual([[b"message", b"__redis__:invalidate", [b"k"]]], self.sent(listener))

    def test_redirect_broken(self) -> None:
        """A client learns that the one in its place is gone."""
        self.track("REDIRECT", str(self.session.id))
        self.read("k")
        self.server.disconnect(self.session)
        other = self.connect()
        self.run_command("SET", "k", "1", session=other)
        self.assertEqual([Push([b"tracking-redir-broken", self.session.id])], self.sent(self.cacher))
        self.assertIn(b" flags=tR ", self.run_command("CLIENT", "INFO", session=self.cacher))

    def test_most_keys(self) -> None:
        """The oldest key is taken for changed when there are more than may be remembered."""
        self.run_command("CONFIG", "SET", "tracking-table-max-keys", "2")
        self.track()
        self.read("a")
        self.read("b")
        self.assertEqual([None, invalidated(b"a")], decode(self.send("GET", "c", session=self.cacher)))
        self.assertEqual([b"b", b"c"], list(self.server.tracking.readers))

    def test_off(self) -> None:
        """Who is told nothing any more costs nothing any more."""
        self.track()
        self.read("k")
        self.assertReply("OK", "CLIENT", "TRACKING", "OFF", session=self.cacher)
        self.assertFalse(self.server.tracking)
        self.assertEqual({}, self.server.tracking.readers)

    def test_gone(self) -> None:
        """A client that goes away is forgotten."""
        self.track("BCAST")
        self.server.disconnect(self.cacher)
        self.assertFalse(self.server.tracking)

    def test_info(self) -> None:
        """INFO counts the clients, their keys and their prefixes."""
        self.track("BCAST", "PREFIX", "a", "PREFIX", "b")
        self.track(session=self.session)
        self.run_command("MGET", "x", "y")
        info = self.run_command("INFO")
        for line in (b"tracking_clients:2", b"tracking_total_keys:2", b"tracking_total_prefixes:2"):
            self.assertIn(line, info)

    def test_two_redirections(self) -> None:
        """There is one client at most in another's place."""
        id = str(self.session.id)
        self.assertError(
            "ERR A client can only redirect to a single other client",
            *("CLIENT", "TRACKING", "ON", "REDIRECT", id, "REDIRECT", id),
        )

    def test_reset(self) -> None:
        """RESET ends it."""
        self.track()
        self.run_command("RESET", session=self.cacher)
        self.assertReply(-1, "CLIENT", "GETREDIR", session=self.cacher)

    def test_refused(self) -> None:
        """OPTIN and OPTOUT exclude each other."""
        self.assertReply(
            Error("ERR You can't specify both OPTIN mode and OPTOUT mode"),
            *("CLIENT", "TRACKING", "ON", "OPTIN", "OPTOUT"),
        )
