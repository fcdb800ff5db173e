"""Tests for L{tseep.coordination.pubsub}, L{tseep.coordination.notifications} and L{tseep.commands.client.pubsub}."""

from __future__ import annotations

from typing import Any

from tseep.session.session import Session
from tseep.test.support import Push, SessionTests, decode


class PubSubTests(SessionTests):
    """Subscriptions, delivery of messages, and PUBSUB."""

    def setUp(self) -> None:
        super().setUp()
        self.subscriber = self.connect()

    def replies(self, *argv: str, session: Session | None = None) -> list[Any]:
        """Return all replies to one command; SUBSCRIBE has one for each channel."""
        return decode(self.send(*argv, session=session or self.subscriber))

    def test_channels(self) -> None:
        """SUBSCRIBE confirms each channel with the number of subscriptions; PUBLISH delivers to its subscribers."""
        self.assertEqual([[b"subscribe", b"a", 1], [b"subscribe", b"b", 2]], self.replies("SUBSCRIBE", "a", "b"))
        self.assertReply(1, "PUBLISH", "a", "hello")
        self.assertReply(0, "PUBLISH", "c", "hello")
        self.assertEqual([[b"message", b"a", b"hello"]], self.sent(self.subscriber))
        self.assertEqual([[b"unsubscribe", b"a", 1]], self.replies("UNSUBSCRIBE", "a"))
        self.assertReply(0, "PUBLISH", "a", "hello")

    def test_patterns(self) -> None:
        """A client that subscribes to a channel and to a matching pattern receives each message twice."""
        self.replies("PSUBSCRIBE", "n.*")
        self.replies("SUBSCRIBE", "n.a")
        self.assertReply(2, "PUBLISH", "n.a", "x")
        self.assertEqual([[b"message", b"n.a", b"x"], [b"pmessage", b"n.*", b"n.a", b"x"]], self.sent(self.subscriber))
        self.assertEqual([[b"punsubscribe", b"n.*", 1]], self.replies("PUNSUBSCRIBE"))

    def test_shards(self) -> None:
        """Shard channels are separate from channels of the same name."""
        self.assertEqual([[b"ssubscribe", b"a", 1]], self.replies("SSUBSCRIBE", "a"))
        self.assertReply(0, "PUBLISH", "a", "x")
        self.assertReply(1, "SPUBLISH", "a", "x")
        self.assertEqual([[b"smessage", b"a", b"x"]], self.sent(self.subscriber))
        self.assertEqual([[b"sunsubscribe", b"a", 0]], self.replies("SUNSUBSCRIBE"))

    def test_unsubscribe_without_subscription(self) -> None:
        """UNSUBSCRIBE and PUNSUBSCRIBE have a reply even if the client has no subscription."""
        self.assertEqual([[b"unsubscribe", None, 0]], self.replies("UNSUBSCRIBE"))
        self.assertEqual([[b"punsubscribe", b"x", 0]], self.replies("PUNSUBSCRIBE", "x"))

    def test_restricted(self) -> None:
        """In RESP2 a subscriber can run only a few commands, until its last subscription ends."""
        self.replies("SUBSCRIBE", "a")
        (error,) = self.replies("GET", "k")
        self.assertIn("ERR Can't execute 'get': only (P|S)SUBSCRIBE", error)
        self.assertEqual([[b"pong", b""]], self.replies("PING"))
        self.replies("UNSUBSCRIBE")
        self.assertEqual([None], self.replies("GET", "k"))

    def test_resp3(self) -> None:
        """In RESP3 messages are pushes, and a subscriber can run any command, PUBLISH to itself included."""
        self.replies("HELLO", "3")
        (confirmed,) = self.replies("SUBSCRIBE", "a")
        self.assertIsInstance(confirmed, Push)
        message, count = self.replies("PUBLISH", "a", "x")
        self.assertIsInstance(message, Push)
        self.assertEqual(([b"message", b"a", b"x"], 1), (message, count))

    def test_reset_and_disconnect(self) -> None:
        """RESET and a disconnect end all subscriptions of a client."""
        self.replies("SUBSCRIBE", "a")
        self.replies("RESET")
        self.assertReply(0, "PUBLISH", "a", "x")
        self.replies("PSUBSCRIBE", "*")
        self.server.disconnect(self.subscriber)
        self.assertReply(0, "PUBLISH", "a", "x")
        self.assertReply(0, "PUBSUB", "NUMPAT")

    def test_introspection(self) -> None:
        """PUBSUB reports channels, patterns, shard channels, and the numbers of their subscribers."""
        self.replies("SUBSCRIBE", "a", "b")
        self.replies("PSUBSCRIBE", "*")
        self.replies("SSUBSCRIBE", "s")
        self.assertReply([b"a", b"b"], "PUBSUB", "CHANNELS")
        self.assertReply([b"a"], "PUBSUB", "CHANNELS", "a*")
        self.assertReply([b"a", 1, b"x", 0], "PUBSUB", "NUMSUB", "a", "x")
        self.assertReply(1, "PUBSUB", "NUMPAT")
        self.assertReply([b"s"], "PUBSUB", "SHARDCHANNELS")
        self.assertReply([b"s", 1], "PUBSUB", "SHARDNUMSUB", "s")

    def test_output_limit(self) -> None:
        """A subscriber over the hard limit, or over the soft limit for too many seconds, is disconnected."""
        self.run_command("CONFIG", "SET", "client-output-buffer-limit", "pubsub 1000 100 10")
        self.replies("SUBSCRIBE", "a")
        connection: Any = self.subscriber.connection
        connection.send = lambda data: 500
        self.run_command("PUBLISH", "a", "x")
        self.advance(9)
        self.run_command("PUBLISH", "a", "x")
        self.assertFalse(connection.closed)
        self.advance(2)
        self.run_command("PUBLISH", "a", "x")
        self.assertTrue(connection.closed)
        self.subscriber = self.connect()
        self.replies("SUBSCRIBE", "a")
        connection = self.subscriber.connection
        connection.send = lambda data: 1000
        self.run_command("PUBLISH", "a", "x")
        self.assertTrue(connection.closed)


class NotificationsTests(SessionTests):
    def received(self, classes: str, *calls: str) -> list[list[bytes]]:
        """Return channel and message of each event that these calls publish with C{classes} enabled."""
        self.assertReply("OK", "CONFIG", "SET", "notify-keyspace-events", classes)
        subscriber = self.connect()
        self.send("PSUBSCRIBE", "__key*", session=subscriber)
        for call in calls:
            self.send(*call.split())
        return [message[2:] for message in self.sent(subscriber)]

    def test_channels(self) -> None:
        """K enables keyspace channels and E keyevent channels; without either there are no notifications."""
        self.assertEqual([[b"__keyspace@0__:k", b"set"]], self.received("KA", "SET k 1"))
        self.assertEqual([[b"__keyevent@0__:set", b"k"]], self.received("EA", "SET k 1"))
        self.assertEqual([], self.received("A", "SET k 1"))
        self.assertEqual([], self.received("", "SET k 1"))

    def test_events(self) -> None:
        """Each change publishes its events, in order."""
        calls = ["SET k 1 EX 10", "RENAME k j", "DEL j", "RPUSH l 1", "LPOP l", "HSET h f 1", "HDEL h f", "SADD s 1"]
        events = [channel.partition(b":")[2] for channel, _ in self.received("EA", *calls)]
        expected = b"set expire rename_from rename_to del rpush lpop del hset hdel del sadd"
        self.assertEqual(expected.split(), events)

    def test_classes(self) -> None:
        """Only the enabled classes are published; A does not include m (misses) and n (new keys)."""
        self.assertEqual([[b"__keyevent@0__:rpush", b"l"]], self.received("El", "SET k 1", "RPUSH l 1"))
        self.assertEqual([[b"__keyevent@0__:keymiss", b"x"]], self.received("Em", "GET x", "GET k"))
        self.assertEqual([[b"__keyevent@0__:new", b"y"]], self.received("En", "SET y 1", "SET y 2"))

    def test_expired(self) -> None:
        """The expire cycle publishes an expired event for each key that it removes."""
        self.run_command("SET", "k", "1", "PX", "10")
        self.run_command("CONFIG", "SET", "notify-keyspace-events", "Ex")
        subscriber = self.connect()
        self.send("PSUBSCRIBE", "*", session=subscriber)
        self.advance(2)
        self.server.cron.run()
        self.assertEqual([[b"pmessage", b"*", b"__keyevent@0__:expired", b"k"]], self.sent(subscriber))

    def test_show(self) -> None:
        """CONFIG GET shows the flags in Redis's order; CONFIG SET refuses unknown flags."""
        self.run_command("CONFIG", "SET", "notify-keyspace-events", "lKE$")
        self.assertReply([b"notify-keyspace-events", b"$lKE"], "CONFIG", "GET", "notify-keyspace-events")
        self.run_command("CONFIG", "SET", "notify-keyspace-events", "KEA")
        self.assertReply([b"notify-keyspace-events", b"AKE"], "CONFIG", "GET", "notify-keyspace-events")
        self.assertIn("ERR CONFIG SET failed", self.run_command("CONFIG", "SET", "notify-keyspace-events", "?"))
