"""Publish and subscribe (https://redis.io/docs/latest/commands/?group=pubsub)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Callable

from tseep.errors import CommandError
from tseep.registry.table import command, container
from tseep.replies import Push, Reply, Several

if TYPE_CHECKING:
    from tseep.session.session import Session

Change = Callable[["Session", bytes], None]

_HEARING = "pubsub noscript loading stale"
_OF_CHANNELS = "O(N) where N is the number of channels."


def _count(session: Session) -> int:
    """How many channels and patterns a client hears."""
    own = session.server.pubsub.of(session)
    return len(own.channels) + len(own.patterns)


def _count_shards(session: Session) -> int:
    return len(session.server.pubsub.of(session).shards)


def _each(
    session: Session, kind: bytes, names: Iterable[bytes], change: Change, count: Callable[[Session], int]
) -> Several:
    """Change one subscription after the other; each is confirmed with the number of those that are left."""
    replies = Several()
    for name in names:
        change(session, name)
        replies.append(Push([kind, name, count(session)]))
    return replies or Several([Push([kind, None, count(session)])])


@command("SUBSCRIBE", arity=-2, flags=_HEARING, since="2.0.0", complexity=_OF_CHANNELS, syntax="channel [channel ...]")
def subscribe(session: Session, argv: list[bytes]) -> Reply:
    """Lets the client hear channels."""
    return _each(session, b"subscribe", argv[1:], session.server.pubsub.subscribe, _count)


@command(
    "UNSUBSCRIBE", arity=-1, flags=_HEARING, since="2.0.0", complexity=_OF_CHANNELS, syntax="[channel [channel ...]]"
)
def unsubscribe(session: Session, argv: list[bytes]) -> Reply:
    """Lets the client hear channels no more; all of them, if none is named."""
    pubsub = session.server.pubsub
    return _each(session, b"unsubscribe", argv[1:] or list(pubsub.of(session).channels), pubsub.unsubscribe, _count)


@command(
    "PSUBSCRIBE", arity=-2, flags=_HEARING, since="2.0.0", complexity="O(N) where N is the number of patterns.",
    syntax="pattern [pattern ...]",
)  # fmt: skip
def psubscribe(session: Session, argv: list[bytes]) -> Reply:
    """Lets the client hear all channels that match a pattern."""
    return _each(session, b"psubscribe", argv[1:], session.server.pubsub.subscribe_pattern, _count)


@command(
    "PUNSUBSCRIBE", arity=-1, flags=_HEARING, since="2.0.0", complexity="O(N) where N is the number of patterns.",
    syntax="[pattern [pattern ...]]",
)  # fmt: skip
def punsubscribe(session: Session, argv: list[bytes]) -> Reply:
    """Lets the client hear what matches patterns no more; all of them, if none is named."""
    pubsub = session.server.pubsub
    names = argv[1:] or list(pubsub.of(session).patterns)
    return _each(session, b"punsubscribe", names, pubsub.unsubscribe_pattern, _count)


@command(
    "SSUBSCRIBE", arity=-2, flags=_HEARING, keys=(1, -1, 1), access="not_key", since="7.0.0",
    complexity=_OF_CHANNELS, syntax="shardchannel [shardchannel ...]",
)  # fmt: skip
def ssubscribe(session: Session, argv: list[bytes]) -> Reply:
    """Lets the client hear sharded channels."""
    return _each(session, b"ssubscribe", argv[1:], session.server.pubsub.subscribe_shard, _count_shards)


@command(
    "SUNSUBSCRIBE", arity=-1, flags=_HEARING, keys=(1, -1, 1), access="not_key", since="7.0.0",
    complexity=_OF_CHANNELS, syntax="[shardchannel [shardchannel ...]]",
)  # fmt: skip
def sunsubscribe(session: Session, argv: list[bytes]) -> Reply:
    """Lets the client hear sharded channels no more; all of them, if none is named."""
    pubsub = session.server.pubsub
    names = argv[1:] or list(pubsub.of(session).shards)
    return _each(session, b"sunsubscribe", names, pubsub.unsubscribe_shard, _count_shards)


@command(
    "PUBLISH", arity=3, flags="pubsub loading stale fast", since="2.0.0",
    complexity="O(N+M) where N is the number of subscribers of the channel and M that of all patterns.",
    syntax="channel message",
)  # fmt: skip
def publish(session: Session, argv: list[bytes]) -> Reply:
    """Sends a message to all who hear the channel, and says how many these are."""
    return session.server.pubsub.publish(argv[1], argv[2])


@command(
    "SPUBLISH", arity=3, flags="pubsub loading stale fast", keys=(1, 1, 1), access="not_key",
    since="7.0.0", complexity="O(N) where N is the number of subscribers of the channel.",
    syntax="shardchannel message",
)  # fmt: skip
def spublish(session: Session, argv: list[bytes]) -> Reply:
    """Sends a message to all who hear the sharded channel, and says how many these are."""
    return session.server.pubsub.publish_shard(argv[1], argv[2])


container("PUBSUB", __name__, "Commands that tell who hears what.", help_since="6.2.0", since="2.8.0")

_asking: dict[str, Any] = {"flags": "pubsub loading stale"}


@command("PUBSUB CHANNELS", arity=-2, since="2.8.0", complexity=_OF_CHANNELS, syntax="[pattern]", **_asking)
def pubsub_channels(session: Session, argv: list[bytes]) -> Reply:
    """Lists the channels that somebody hears."""
    pubsub = session.server.pubsub
    return pubsub.active_channels(pubsub.channels, _pattern(argv))


@command("PUBSUB SHARDCHANNELS", arity=-2, since="7.0.0", complexity=_OF_CHANNELS, syntax="[pattern]", **_asking)
def pubsub_shardchannels(session: Session, argv: list[bytes]) -> Reply:
    """Lists the sharded channels that somebody hears."""
    pubsub = session.server.pubsub
    return pubsub.active_channels(pubsub.shards, _pattern(argv))


def _pattern(argv: list[bytes]) -> bytes | None:
    if len(argv) > 3:
        name = b"|".join(argv[:2]).lower()
        raise CommandError(
            b"ERR unknown subcommand or wrong number of arguments for '%b'. Try PUBSUB HELP." % name.split(b"|")[1]
        )
    return argv[2] if len(argv) == 3 else None


@command("PUBSUB NUMSUB", arity=-2, since="2.8.0", complexity=_OF_CHANNELS, syntax="[channel [channel ...]]", **_asking)
def pubsub_numsub(session: Session, argv: list[bytes]) -> Reply:
    """Says how many clients hear each of some channels."""
    return _numbers(session.server.pubsub.channels, argv[2:])


@command(
    "PUBSUB SHARDNUMSUB", arity=-2, since="7.0.0", complexity=_OF_CHANNELS,
    syntax="[shardchannel [shardchannel ...]]", **_asking,
)  # fmt: skip
def pubsub_shardnumsub(session: Session, argv: list[bytes]) -> Reply:
    """Says how many clients hear each of some sharded channels."""
    return _numbers(session.server.pubsub.shards, argv[2:])


def _numbers(heard: dict[bytes, Any], channels: list[bytes]) -> list[Any]:
    return [part for channel in channels for part in (channel, len(heard.get(channel, ())))]


@command("PUBSUB NUMPAT", arity=2, since="2.8.0", **_asking)
def pubsub_numpat(session: Session, argv: list[bytes]) -> Reply:
    """Says how many patterns are heard."""
    return len(session.server.pubsub.patterns)
