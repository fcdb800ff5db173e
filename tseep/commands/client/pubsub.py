"""Pub/Sub, with patterns and sharded channels (https://redis.io/docs/latest/commands/?group=pubsub)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Callable

from tseep.errors import CommandError
from tseep.registry.table import command
from tseep.replies import Push, Reply, Several

if TYPE_CHECKING:
    from tseep.session.session import Session

Change = Callable[["Session", bytes], None]


def _count(session: Session) -> int:
    """Return the number of a client's channels and patterns, as its confirmations contain it."""
    own = session.server.pubsub.of(session)
    return len(own.channels) + len(own.patterns)


def _count_shards(session: Session) -> int:
    return len(session.server.pubsub.of(session).shards)


def _each(
    session: Session, kind: bytes, names: Iterable[bytes], change: Change, count: Callable[[Session], int]
) -> Several:
    """Change subscriptions; return for each the confirmation, with the number of subscriptions after it."""
    replies = Several()
    for name in names:
        change(session, name)
        replies.append(Push([kind, name, count(session)]))
    return replies or Several([Push([kind, None, count(session)])])


@command("SUBSCRIBE")
def subscribe(session: Session, argv: list[bytes]) -> Reply:
    return _each(session, b"subscribe", argv[1:], session.server.pubsub.subscribe, _count)


@command("UNSUBSCRIBE")
def unsubscribe(session: Session, argv: list[bytes]) -> Reply:
    pubsub = session.server.pubsub
    return _each(session, b"unsubscribe", argv[1:] or list(pubsub.of(session).channels), pubsub.unsubscribe, _count)


@command("PSUBSCRIBE")
def psubscribe(session: Session, argv: list[bytes]) -> Reply:
    return _each(session, b"psubscribe", argv[1:], session.server.pubsub.subscribe_pattern, _count)


@command("PUNSUBSCRIBE")
def punsubscribe(session: Session, argv: list[bytes]) -> Reply:
    pubsub = session.server.pubsub
    names = argv[1:] or list(pubsub.of(session).patterns)
    return _each(session, b"punsubscribe", names, pubsub.unsubscribe_pattern, _count)


@command("SSUBSCRIBE")
def ssubscribe(session: Session, argv: list[bytes]) -> Reply:
    return _each(session, b"ssubscribe", argv[1:], session.server.pubsub.subscribe_shard, _count_shards)


@command("SUNSUBSCRIBE")
def sunsubscribe(session: Session, argv: list[bytes]) -> Reply:
    pubsub = session.server.pubsub
    names = argv[1:] or list(pubsub.of(session).shards)
    return _each(session, b"sunsubscribe", names, pubsub.unsubscribe_shard, _count_shards)


@command("PUBLISH")
def publish(session: Session, argv: list[bytes]) -> Reply:
    return session.server.pubsub.publish(argv[1], argv[2])


@command("SPUBLISH")
def spublish(session: Session, argv: list[bytes]) -> Reply:
    return session.server.pubsub.publish_shard(argv[1], argv[2])


@command("PUBSUB CHANNELS")
def pubsub_channels(session: Session, argv: list[bytes]) -> Reply:
    pubsub = session.server.pubsub
    return pubsub.active_channels(pubsub.channels, _pattern(argv))


@command("PUBSUB SHARDCHANNELS")
def pubsub_shardchannels(session: Session, argv: list[bytes]) -> Reply:
    pubsub = session.server.pubsub
    return pubsub.active_channels(pubsub.shards, _pattern(argv))


def _pattern(argv: list[bytes]) -> bytes | None:
    if len(argv) > 3:
        name = b"|".join(argv[:2]).lower()
        raise CommandError(
            b"ERR unknown subcommand or wrong number of arguments for '%b'. Try PUBSUB HELP." % name.split(b"|")[1]
        )
    return argv[2] if len(argv) == 3 else None


@command("PUBSUB NUMSUB")
def pubsub_numsub(session: Session, argv: list[bytes]) -> Reply:
    return _numbers(session.server.pubsub.channels, argv[2:])


@command("PUBSUB SHARDNUMSUB")
def pubsub_shardnumsub(session: Session, argv: list[bytes]) -> Reply:
    return _numbers(session.server.pubsub.shards, argv[2:])


def _numbers(subscribers: dict[bytes, Any], channels: list[bytes]) -> list[Any]:
    return [part for channel in channels for part in (channel, len(subscribers.get(channel, ())))]


@command("PUBSUB NUMPAT")
def pubsub_numpat(session: Session, argv: list[bytes]) -> Reply:
    return len(session.server.pubsub.patterns)
