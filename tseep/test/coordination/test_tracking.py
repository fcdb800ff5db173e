"""Tests for L{tseep.coordination.tracking}: CLIENT TRACKING and CLIENT GETREDIR.

tests/server/test_conversations.py compares with redis-server.
"""

from __future__ import annotations

from typing import Any

from tseep.session.session import Session
from tseep.test.support import Error, Push, SessionTests, decode, encode


def invalidated(*keys: bytes) -> Push:
    """Return the invalidation message for these keys."""
    return Push([b"invalidate", list(keys)])


class TrackingTests(SessionTests):
    def setUp(self) -> None:
        super().setUp()
        self.cacher = self.connect()
        self.run_command("HELLO", "3", session=self.cacher)

    def track(self, *options: str, session: Session | None = None) -> None:
        """Enable tracking for a client, by default the caching one."""
        self.assertReply("OK", "CLIENT", "TRACKING", "ON", *options, session=session or self.cacher)

    def read(self, key: str) -> Any:
        """Read a key with the caching client."""
        return self.run_command("GET", key, session=self.cacher)

    def test_invalidated_once(self) -> None:
        """After reading a key a client receives one invalidation message, for the next change only."""
        self.track()
        self.read("k")
        self.run_command("SET", "k", "1")
        self.run_command("SET", "k", "2")
        self.assertEqual([invalidated(b"k")], self.sent(self.cacher))

    def test_expiry(self) -> None:
        """An expired key is invalidated even for a client with NOLOOP."""
        self.track("NOLOOP")
        self.run_command("SET", "k", "1", "PX", 100)
        self.read("k")
        self.pass_time(0.2)
        self.assertEqual([None, invalidated(b"k")], decode(self.send("GET", "k", session=self.cacher)))

    def test_own_change_comes_after_the_reply(self) -> None:
        """The invalidation message of a client's own change follows the reply."""
        self.track()
        self.read("k")
        self.assertEqual(["OK", invalidated(b"k")], decode(self.send("SET", "k", 1, session=self.cacher)))

    def test_redirect(self) -> None:
        """With REDIRECT another client receives the invalidation messages through __redis__:invalidate."""
        listener = self.connect()
        self.run_command("SUBSCRIBE", "__redis__:invalidate", session=listener)
        self.track("REDIRECT", str(listener.id), session=self.session)
        self.assertReply(listener.id, "CLIENT", "GETREDIR")
        self.run_command("GET", "k")
        self.run_command("SET", "k", "1")
        self.assertEqual([[b"message", b"__redis__:invalidate", [b"k"]]], self.sent(listener))

    def test_redirect_broken(self) -> None:
        """A client is notified when the client to which it redirects has disconnected."""
        self.track("REDIRECT", str(self.session.id))
        self.read("k")
        self.server.disconnect(self.session)
        other = self.connect()
        self.run_command("SET", "k", "1", session=other)
        self.assertEqual([Push([b"tracking-redir-broken", self.session.id])], self.sent(self.cacher))
        self.assertIn(b" flags=tR ", self.run_command("CLIENT", "INFO", session=self.cacher))

    def test_max_keys(self) -> None:
        """When the table exceeds tracking-table-max-keys, its oldest key is invalidated and removed."""
        self.run_command("CONFIG", "SET", "tracking-table-max-keys", "2")
        self.track()
        self.read("a")
        self.read("b")
        self.assertEqual([None, invalidated(b"a")], decode(self.send("GET", "c", session=self.cacher)))
        self.assertEqual([b"b", b"c"], list(self.server.tracking.readers))

    def test_max_keys_lowered(self) -> None:
        """CONFIG SET of tracking-table-max-keys invalidates the keys beyond it at once."""
        self.run_command("HELLO", 3)
        self.run_command("CLIENT", "TRACKING", "ON")
        self.run_command("MGET", "a", "b", "c")
        replies = decode(self.session.receive(encode("CONFIG", "SET", "tracking-table-max-keys", 1)))
        self.assertEqual(["OK", [b"invalidate", [b"a"]], [b"invalidate", [b"b"]]], replies)

    def test_off(self) -> None:
        """CLIENT TRACKING OFF removes the client's keys from the table."""
        self.track()
        self.read("k")
        self.assertReply("OK", "CLIENT", "TRACKING", "OFF", session=self.cacher)
        self.assertFalse(self.server.tracking)
        self.assertEqual({}, self.server.tracking.readers)

    def test_broadcasting_later(self) -> None:
        """A client that changes to broadcasting mode gets no invalidation for what it read before."""
        self.run_command("HELLO", 3)
        self.run_command("CLIENT", "TRACKING", "ON")
        self.run_command("GET", "a")
        self.run_command("CLIENT", "TRACKING", "OFF")
        self.run_command("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "b")
        self.run_command("SET", "a", 1, session=self.connect())
        self.assertEqual([], self.sent(self.session))

    def test_eviction(self) -> None:
        """Keys are evicted after the command that exceeds maxmemory; their invalidations precede the next reply."""
        self.run_command("HELLO", 3)
        self.run_command("CLIENT", "TRACKING", "ON")
        self.run_command("CONFIG", "SET", "maxmemory", "100kb", "maxmemory-policy", "volatile-random")
        self.run_command("SETEX", "volatile", 1000, "x")
        self.run_command("GET", "volatile")
        replies = decode(self.session.receive(encode("SETBIT", "big", 10**6, 0)))
        self.assertEqual([0, [b"invalidate", [b"volatile"]]], replies)
        self.assertReply(0, "EXISTS", "volatile")

    def test_disconnect(self) -> None:
        """Tracking of a client ends when it disconnects."""
        self.track("BCAST")
        self.server.disconnect(self.cacher)
        self.assertFalse(self.server.tracking)

    def test_info(self) -> None:
        """INFO reports the numbers of tracking clients, of their keys and of their prefixes."""
        self.track("BCAST", "PREFIX", "a", "PREFIX", "b")
        self.track(session=self.session)
        self.run_command("MGET", "x", "y")
        info = self.run_command("INFO")
        for line in (b"tracking_clients:2", b"tracking_total_keys:2", b"tracking_total_prefixes:2"):
            self.assertIn(line, info)

    def test_two_redirections(self) -> None:
        """CLIENT TRACKING accepts REDIRECT only once."""
        id = str(self.session.id)
        self.assertError(
            "ERR A client can only redirect to a single other client",
            *("CLIENT", "TRACKING", "ON", "REDIRECT", id, "REDIRECT", id),
        )

    def test_reset(self) -> None:
        """RESET turns tracking and its redirection off."""
        self.track()
        self.run_command("RESET", session=self.cacher)
        self.assertReply(-1, "CLIENT", "GETREDIR", session=self.cacher)

    def test_refused(self) -> None:
        """OPTIN and OPTOUT exclude each other."""
        self.assertReply(
            Error("ERR You can't specify both OPTIN mode and OPTOUT mode"),
            *("CLIENT", "TRACKING", "ON", "OPTIN", "OPTOUT"),
        )
