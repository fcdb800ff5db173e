"""Publish and subscribe (https://redis.io/docs/latest/develop/interact/pubsub/): who hears what."""

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
    """What one client hears, in the order of subscription."""

    __slots__ = ("channels", "patterns", "shards")

    def __init__(self) -> None:
        self.channels: dict[bytes, None] = {}
        self.patterns: dict[bytes, None] = {}
        self.shards: dict[bytes, None] = {}

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.channels or self.patterns or self.shards)


class Message:
    """One message, encoded once for each version of RESP that subscribers speak."""

    __slots__ = ("_encoded", "_parts")

    def __init__(self, *parts: bytes) -> None:
        self._parts = Push(parts)
        self._encoded: dict[int, bytes] = {}

    def send(self, subscribers: Subscribers) -> int:
        """Give it to each, and return how many these are."""
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

    @ivar channels: subscribers by channel; C{shards}: the same for sharded channels.
    @ivar patterns: by pattern, what tells whether a channel matches, and its subscribers.
    """

    def __init__(self) -> None:
        self.channels: dict[bytes, Subscribers] = {}
        self.shards: dict[bytes, Subscribers] = {}
        self.patterns: dict[bytes, tuple[Callable[[bytes], bool], Subscribers]] = {}

    def subscribe(self, session: Session, channel: bytes) -> None:
        """Let a client hear a channel."""
        _add(self.channels, self.of(session).channels, session, channel)

    def subscribe_shard(self, session: Session, channel: bytes) -> None:
        """Let a client hear a sharded channel."""
        _add(self.shards, self.of(session).shards, session, channel)

    def subscribe_pattern(self, session: Session, pattern: bytes) -> None:
        """Let a client hear all channels that match a pattern."""
        own = self.of(session).patterns
        if pattern not in own:
            own[pattern] = None
            self.patterns.setdefault(pattern, (matcher(pattern), {}))[1][session] = None

    def unsubscribe(self, session: Session, channel: bytes) -> None:
        """Let a client hear a channel no more, if it did."""
        _remove(self.channels, self.of(session).channels, session, channel)

    def unsubscribe_shard(self, session: Session, channel: bytes) -> None:
        """Let a client hear a sharded channel no more, if it did."""
        _remove(self.shards, self.of(session).shards, session, channel)

    def unsubscribe_pattern(self, session: Session, pattern: bytes) -> None:
        """Let a client hear what matches a pattern no more, if it did."""
        own = self.of(session).patterns
        if pattern in own:
            del own[pattern]
            subscribers = self.patterns[pattern][1]
            del subscribers[session]
            if not subscribers:
                del self.patterns[pattern]

    def of(self, session: Session) -> Subscriptions:
        """A client's subscriptions."""
        if session.subscriptions is None:
            session.subscriptions = Subscriptions()
        return session.subscriptions

    def forget(self, session: Session) -> None:
        """A client hears nothing any more."""
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
        Send a message to all who hear the channel.

        @return: how many times it was sent; a client with a matching pattern beside counts twice.
        """
        subscribers = self.channels.get(channel)
        sent = Message(b"message", channel, message).send(subscribers) if subscribers else 0
        for pattern, (matches, those) in list(self.patterns.items()):
            if matches(channel):
                sent += Message(b"pmessage", pattern, channel, message).send(those)
        return sent

    def publish_shard(self, channel: bytes, message: bytes) -> int:
        """Send a message to all who hear the sharded channel, and return how many these are."""
        subscribers = self.shards.get(channel)
        return Message(b"smessage", channel, message).send(subscribers) if subscribers else 0

    def active_channels(self, channels: dict[bytes, Subscribers], pattern: bytes | None) -> list[bytes]:
        """The channels that somebody hears, of those that match a pattern if there is one."""
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
