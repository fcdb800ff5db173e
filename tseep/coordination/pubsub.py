"""Pub/Sub subscriptions and the delivery of messages (https://redis.io/docs/latest/develop/interact/pubsub/)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from tseep.algorithms.glob import matcher
from tseep.protocol.resp import ENCODERS
from tseep.replies import Push

if TYPE_CHECKING:
    from tseep.session.session import Session

Subscribers = dict["Session", None]
"""Clients in the order of subscription."""


class Subscriptions:
    """The channels, patterns and shard channels of one client, each in the order of subscription."""

    __slots__ = ("channels", "patterns", "shards")

    def __init__(self) -> None:
        self.channels: dict[bytes, None] = {}
        self.patterns: dict[bytes, None] = {}
        self.shards: dict[bytes, None] = {}

    def __bool__(self) -> bool:
        """True if the client has any subscription."""
        return bool(self.channels or self.patterns or self.shards)


class Message:
    """A message, which is encoded once for each version of RESP that subscribers use."""

    __slots__ = ("_encoded", "_parts")

    def __init__(self, *parts: bytes) -> None:
        self._parts = Push(parts)
        self._encoded: dict[int, bytes] = {}

    def send(self, subscribers: Subscribers) -> int:
        """Send it to all subscribers. Return their number."""
        encoded = self._encoded
        for session in list(subscribers):
            protocol = session.protocol
            if protocol not in encoded:
                encoded[protocol] = ENCODERS[protocol][Push](self._parts)
            session.push(encoded[protocol])
        return len(subscribers)


class PubSub:
    """
    All subscriptions of a server.

    @ivar channels: subscribers by channel.
    @ivar shards: subscribers by shard channel.
    @ivar patterns: by pattern a function that returns True if a channel matches, and the subscribers.
    """

    def __init__(self) -> None:
        self.channels: dict[bytes, Subscribers] = {}
        self.shards: dict[bytes, Subscribers] = {}
        self.patterns: dict[bytes, tuple[Callable[[bytes], bool], Subscribers]] = {}

    def subscribe(self, session: Session, channel: bytes) -> None:
        _add(self.channels, self.of(session).channels, session, channel)

    def subscribe_shard(self, session: Session, channel: bytes) -> None:
        _add(self.shards, self.of(session).shards, session, channel)

    def subscribe_pattern(self, session: Session, pattern: bytes) -> None:
        own = self.of(session).patterns
        if pattern not in own:
            own[pattern] = None
            self.patterns.setdefault(pattern, (matcher(pattern), {}))[1][session] = None

    def unsubscribe(self, session: Session, channel: bytes) -> None:
        _remove(self.channels, self.of(session).channels, session, channel)

    def unsubscribe_shard(self, session: Session, channel: bytes) -> None:
        _remove(self.shards, self.of(session).shards, session, channel)

    def unsubscribe_pattern(self, session: Session, pattern: bytes) -> None:
        own = self.of(session).patterns
        if pattern in own:
            del own[pattern]
            subscribers = self.patterns[pattern][1]
            del subscribers[session]
            if not subscribers:
                del self.patterns[pattern]

    def of(self, session: Session) -> Subscriptions:
        """A client's subscriptions, which are created on first use."""
        if session.subscriptions is None:
            session.subscriptions = Subscriptions()
        return session.subscriptions

    def forget(self, session: Session) -> None:
        """Remove all subscriptions of a client."""
        own = session.subscriptions
        if own is None:
            return
        for channel in list(own.channels):
            self.unsubscribe(session, channel)
        for pattern in list(own.patterns):
            self.unsubscribe_pattern(session, pattern)
        for channel in list(own.shards):
            self.unsubscribe_shard(session, channel)
        session.subscriptions = None

    def publish(self, channel: bytes, message: bytes) -> int:
        """
        Send a message to the subscribers of a channel and of matching patterns.

        @return: number of deliveries; a client that is subscribed both ways counts twice.
        """
        subscribers = self.channels.get(channel)
        sent = Message(b"message", channel, message).send(subscribers) if subscribers else 0
        for pattern, (matches, those) in list(self.patterns.items()):
            if matches(channel):
                sent += Message(b"pmessage", pattern, channel, message).send(those)
        return sent

    def publish_shard(self, channel: bytes, message: bytes) -> int:
        """Send a message to the subscribers of a shard channel. Return their number."""
        subscribers = self.shards.get(channel)
        return Message(b"smessage", channel, message).send(subscribers) if subscribers else 0

    def active_channels(self, channels: dict[bytes, Subscribers], pattern: bytes | None) -> list[bytes]:
        """The channels with subscribers, filtered by a glob pattern if one is given (PUBSUB CHANNELS)."""
        return list(channels) if pattern is None else list(filter(matcher(pattern), channels))


def _add(all_: dict[bytes, Subscribers], own: dict[bytes, None], session: Session, channel: bytes) -> None:
    own[channel] = None
    all_.setdefault(channel, {})[session] = None


def _remove(all_: dict[bytes, Subscribers], own: dict[bytes, None], session: Session, channel: bytes) -> None:
    if channel in own:
        del own[channel]
        subscribers = all_[channel]
        del subscribers[session]
        if not subscribers:
            del all_[channel]
