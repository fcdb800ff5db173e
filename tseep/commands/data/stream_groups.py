"""
Consumer groups of streams: XGROUP, XREADGROUP, XACK and so on.

Source: https://redis.io/docs/latest/develop/data-types/streams/#consumer-groups
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from tseep.algorithms.numeric import HIGHEST, require_integer
from tseep.commands.data.streams import (
    WHILE_BLOCKED,
    Reading,
    at_most,
    entries,
    entry,
    of_streams,
    read_reading,
)
from tseep.commands.data.typed import read, to_change
from tseep.coordination.blocking import NOT_YET, block
from tseep.datatypes.stream import HIGHEST_ID, Consumer, Group, Pending, Stream, id_text
from tseep.datatypes.stream_ids import leading_ids, read_bound, read_end, read_id, read_start
from tseep.errors import NO_SUCH_KEY, SYNTAX, CommandError, wrong_subcommand
from tseep.registry.table import command
from tseep.replies import NULL_ARRAY, OK, Reply

if TYPE_CHECKING:
    from tseep.session.session import Session

NEW_ENTRIES = b">"
"""In place of an ID: entries that are new to the group."""

SHOWN = 10
"""Default COUNT of XINFO STREAM FULL."""

CLAIMED = 100
"""Default COUNT of XAUTOCLAIM, which examines up to ten times as many entries."""

_NO_KEY = (
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM "
    "option to create an empty stream automatically."
)
_MEANINGLESS = (
    "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by "
    "specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set."
)


def _require_group(stream: Stream | None, key: bytes, name: bytes, where: bytes = b"") -> tuple[Stream, Group]:
    """Return the stream and its group C{name}; raise CommandError if either does not exist."""
    group = None if stream is None else stream.groups.get(name)
    if stream is None or group is None:
        raise CommandError(b"NOGROUP No such key '%b' or consumer group '%b'%b" % (_shown(key), _shown(name), where))
    return stream, group


def _no_group(key: bytes, name: bytes) -> CommandError:
    return CommandError(b"NOGROUP No such consumer group '%b' for key name '%b'" % (_shown(name), _shown(key)))


def _shown(name: bytes) -> bytes:
    """Return a name as Redis's errors show it: up to the first zero byte, which ends a string in C."""
    return name.partition(b"\0")[0]


def _consumer(session: Session, key: bytes, group: Group, name: bytes) -> Consumer:
    """Return the consumer of a name, which is created if necessary, and update its time of last use."""
    now = session.server.keyspace.now
    consumer = group.consumers.get(name)
    if consumer is None:
        consumer = group.consumers[name] = Consumer(name, now)
        session.db.note(key, b"xgroup-createconsumer")
    consumer.seen = now
    return consumer


# Creation and deletion of groups


def _entries_read(argv: list[bytes], make: bool) -> tuple[int | None, bool]:
    """Return ENTRIESREAD (None if unknown) and MKSTREAM of XGROUP CREATE or SETID."""
    entries_read, make_stream, at = None, False, 5
    while at < len(argv):
        option = argv[at].lower()
        if make and option == b"mkstream":
            make_stream = True
            at += 1
        elif option == b"entriesread" and at + 1 < len(argv):
            number = require_integer(argv[at + 1])
            if number < -1:
                raise CommandError("ERR value for ENTRIESREAD must be positive or -1")
            entries_read = None if number == -1 else number
            at += 2
        else:
            raise wrong_subcommand(argv)
    return entries_read, make_stream


def _to_change(session: Session, argv: list[bytes]) -> Stream:
    """Return the stream of an XGROUP; raise CommandError if it does not exist."""
    stream = to_change(session, argv[2], Stream)
    if stream is None:
        raise CommandError(_NO_KEY)
    return stream


def _to_group(session: Session, argv: list[bytes]) -> tuple[Stream, Group]:
    """Return stream and group of an XGROUP; raise CommandError if either does not exist."""
    stream = _to_change(session, argv)
    group = stream.groups.get(argv[3])
    if group is None:
        raise _no_group(argv[2], argv[3])
    return stream, group


def _group_id(text: bytes, stream: Stream | None, read_other: Callable[[bytes], int]) -> int:
    if text == b"$":
        return 0 if stream is None else stream.last_id
    return read_other(text)


@command("XGROUP CREATE")
def xgroup_create(session: Session, argv: list[bytes]) -> Reply:
    db, key, name = session.db, argv[2], argv[3]
    entries_read, make_stream = _entries_read(argv, True)
    stream = to_change(session, key, Stream)
    if stream is None and not make_stream:
        raise CommandError(_NO_KEY)
    id = _group_id(argv[4], stream, read_id)
    if stream is None:
        stream = Stream()
        db.replace(key, stream, b"", 0)
    if name in stream.groups:
        raise CommandError("BUSYGROUP Consumer Group name already exists")
    stream.groups[name] = Group(id, entries_read)
    db.note(key, b"xgroup-create")
    return OK


@command("XGROUP SETID")
def xgroup_setid(session: Session, argv: list[bytes]) -> Reply:
    entries_read, _ = _entries_read(argv, False)
    stream, group = _to_group(session, argv)
    group.last_id = _group_id(argv[4], stream, read_bound)
    group.entries_read = entries_read
    session.db.note(argv[2], b"xgroup-setid")
    return OK


@command("XGROUP DESTROY")
def xgroup_destroy(session: Session, argv: list[bytes]) -> Reply:
    stream = _to_change(session, argv)
    if stream.groups.pop(argv[3], None) is None:
        return 0
    session.db.note(argv[2], b"xgroup-destroy")
    session.db.ready(argv[2])
    return 1


@command("XGROUP CREATECONSUMER")
def xgroup_createconsumer(session: Session, argv: list[bytes]) -> Reply:
    _, group = _to_group(session, argv)
    if argv[4] in group.consumers:
        return 0
    _consumer(session, argv[2], group, argv[4])
    return 1


@command("XGROUP DELCONSUMER")
def xgroup_delconsumer(session: Session, argv: list[bytes]) -> Reply:
    _, group = _to_group(session, argv)
    consumer = group.consumers.get(argv[4])
    if consumer is None:
        return 0
    pending = group.remove(consumer)
    session.db.note(argv[2], b"xgroup-delconsumer")
    return pending


# Read


class _Member(NamedTuple):
    """The reading consumer: names of group and consumer, and NOACK, with which entries do not become pending."""

    group: bytes
    consumer: bytes
    no_ack: bool


@command("XREADGROUP")
def xreadgroup(session: Session, argv: list[bytes]) -> Reply:
    reading = read_reading(argv, True, session.server.scripting.running is not None)
    assert reading.group is not None  # read_reading requires GROUP
    member = _Member(*reading.group, reading.no_ack)
    after = [_position(session, key, text, member) for key, text in reading.streams]
    found = []
    for (key, _), id in zip(reading.streams, after):
        stream = to_change(session, key, Stream)
        if stream is None:
            continue
        group = stream.groups[member.group]
        if id is not None:
            consumer = _consumer(session, key, group, member.consumer)
            session.db.note(key, b"")
            found.append((key, _history(session, stream, consumer, id, reading.most)))
        elif stream.entries and stream.entries.last() > group.last_id:
            found.append((key, _give(session, key, stream, member, reading.most)))
    if found:
        return of_streams(session, found)
    if reading.timeout is None:
        return NULL_ARRAY
    return _wait(session, reading, member)


def _position(session: Session, key: bytes, text: bytes, member: _Member) -> int | None:
    """Return the ID after which the pending entries are read; None for entries that are new to the group."""
    stream = read(session, key, Stream)
    _require_group(stream, key, member.group, b" in XREADGROUP with GROUP option")
    if text == b"$":
        raise CommandError(_MEANINGLESS)
    return None if text == NEW_ENTRIES else read_id(text)


def _give(session: Session, key: bytes, stream: Stream, member: _Member, count: int) -> list[Any]:
    """Deliver entries that are new to the group to a consumer, and return them."""
    group = stream.groups[member.group]
    consumer = _consumer(session, key, group, member.consumer)
    given = list(at_most(stream.entries.items(group.last_id + 1), count))
    now = session.server.keyspace.now
    for id, _ in given:
        stream.advance(group, id)
        if not member.no_ack:
            group.deliver(id, consumer, now)
    session.db.note(key, b"")
    return entries(given)


def _history(session: Session, stream: Stream, consumer: Consumer, after: int, count: int) -> list[Any]:
    """Return pending entries of a consumer; a deleted entry has null in place of its fields."""
    replies = []
    now = session.server.keyspace.now
    for id, each in list(at_most(consumer.pending.items(after + 1), count)):
        fields = stream.entries.get(id)
        if fields is None:
            replies.append([id_text(id), NULL_ARRAY])
        else:
            replies.append(entry(id, fields))
            each.time = now
            each.count += 1
    return replies


def _wait(session: Session, reading: Reading, member: _Member) -> Reply:
    db = session.db

    def serve(key: bytes) -> Reply:
        stream = db.peek(key)
        if type(stream) is not Stream:
            raise CommandError("UNBLOCKED the stream key no longer exists")
        group = stream.groups.get(member.group)
        if group is None:
            raise CommandError("NOGROUP the consumer group this client was blocked on no longer exists")
        if stream.last_id <= group.last_id:
            return NOT_YET
        return of_streams(session, {key: _give(session, key, stream, member, reading.most or WHILE_BLOCKED)})

    return block(session, [key for key, _ in reading.streams], reading.timeout or 0, serve)


# Acknowledge and claim


@command("XACK")
def xack(session: Session, argv: list[bytes]) -> Reply:
    stream = read(session, argv[1], Stream)
    group = None if stream is None else stream.groups.get(argv[2])
    if group is None:
        return 0
    ids = list(map(read_id, argv[3:]))
    acknowledged = sum(map(group.forget, ids))
    session.db.note(argv[1], b"", acknowledged)
    return acknowledged


def _min_idle(text: bytes, name: str) -> int:
    return max(0, require_integer(text, f"ERR Invalid min-idle-time argument for {name}"))


class _Claim:
    """
    The claim of entries by XCLAIM or XAUTOCLAIM.

    @param name: the name of the claiming consumer.
    @ivar time: the new delivery time, in Unix milliseconds.
    @ivar count: the new number of deliveries; None: the present number plus one.
    """

    def __init__(self, session: Session, key: bytes, stream: Stream, group: Group, name: bytes) -> None:
        self._session = session
        self._key = key
        self._stream = stream
        self._group = group
        self.now = self.time = session.server.keyspace.now
        self.count: int | None = None
        self.just_id = self.force = False
        self.min_idle = 0
        self._name = name
        self._consumer: Consumer | None = None

    def _claimant(self) -> Consumer:
        """Return the claiming consumer, which the first claim creates if necessary."""
        if self._consumer is None:
            self._consumer = _consumer(self._session, self._key, self._group, self._name)
        return self._consumer

    def claim(self, id: int) -> Any:
        """Claim an entry and return it for the reply; return None if it cannot be claimed."""
        pending = self._group.pending.get(id)
        fields = self._stream.entries.get(id)
        if fields is None:
            if self._group.forget(id):
                self._session.db.note(self._key, b"")
            return None
        if pending is None:
            if not self.force:
                return None
            self._group.deliver(id, self._claimant(), self.now)
            pending = self._group.pending.get(id)
            assert pending is not None
        elif self.min_idle and self.now - pending.time < self.min_idle:
            return None
        self._renew(id, pending)
        return id_text(id) if self.just_id else entry(id, fields)

    def _renew(self, id: int, pending: Pending) -> None:
        self._group.assign(id, pending, self._claimant())
        self._session.db.note(self._key, b"")
        pending.time = self.time
        if self.count is not None:
            pending.count = self.count
        elif not self.just_id:
            pending.count += 1


@command("XCLAIM")
def xclaim(session: Session, argv: list[bytes]) -> Reply:
    stream, group = _require_group(read(session, argv[1], Stream), argv[1], argv[2])
    claim = _Claim(session, argv[1], stream, group, argv[3])
    claim.min_idle = _min_idle(argv[4], "XCLAIM")
    ids = list(leading_ids(argv[5:]))
    last_id = _claim_options(claim, argv, 5 + len(ids))
    if last_id > group.last_id:
        group.last_id = last_id
        session.db.note(argv[1], b"")
    return [claimed for claimed in map(claim.claim, ids) if claimed is not None]


def _claim_options(claim: _Claim, argv: list[bytes], at: int) -> int:
    """Parse the options of XCLAIM into C{claim}; return LASTID."""
    last_id, time = 0, None
    while at < len(argv):
        option, more = argv[at].lower(), at + 1 < len(argv)
        if option == b"force":
            claim.force = True
        elif option == b"justid":
            claim.just_id = True
        elif option in (b"idle", b"time", b"retrycount") and more:
            at += 1
            error = f"ERR Invalid {option.decode().upper()} option argument for XCLAIM"
            number = require_integer(argv[at], error)
            if option == b"retrycount":
                claim.count = number if number >= 0 else None
            else:
                time = claim.now - number if option == b"idle" else number
        elif option == b"lastid" and more:
            at += 1
            last_id = read_id(argv[at])
        else:
            raise CommandError(b"ERR Unrecognized XCLAIM option '%b'" % argv[at])
        at += 1
    if time is not None and time >= 0 and (time <= claim.now or not claim.now):  # the time is 0 while an AOF is loaded
        claim.time = time
    return last_id


@command("XAUTOCLAIM")
def xautoclaim(session: Session, argv: list[bytes]) -> Reply:
    min_idle = _min_idle(argv[4], "XAUTOCLAIM")
    start = read_start(argv[5])
    count, just_id = _autoclaim_options(argv)
    stream, group = _require_group(read(session, argv[1], Stream), argv[1], argv[2])
    claim = _Claim(session, argv[1], stream, group, argv[3])
    claim.min_idle, claim.just_id = min_idle, just_id
    claimed: list[Any] = []
    deleted: list[bytes] = []
    attempts = 10 * count
    cursor = 0
    for id, _ in list(islice(group.pending.items(start), attempts + 1)):
        if not attempts or len(claimed) + len(deleted) == count:
            cursor = id
            break
        attempts -= 1
        reply = claim.claim(id)
        if reply is not None:
            claimed.append(reply)
        elif group.pending.get(id) is None:
            deleted.append(id_text(id))
    return [id_text(cursor), claimed, deleted]


def _autoclaim_options(argv: list[bytes]) -> tuple[int, bool]:
    count, just_id, at = CLAIMED, False, 6
    while at < len(argv):
        option = argv[at].lower()
        if option == b"count" and at + 1 < len(argv):
            at += 1
            count = require_integer(argv[at], "ERR COUNT must be > 0")
            if not 1 <= count <= HIGHEST // 16:
                raise CommandError("ERR COUNT must be > 0")
        elif option == b"justid":
            just_id = True
        else:
            raise CommandError(SYNTAX)
        at += 1
    return count, just_id


# Inspection


@command("XPENDING")
def xpending(session: Session, argv: list[bytes]) -> Reply:
    if len(argv) != 3 and not 6 <= len(argv) <= 9:
        raise CommandError(SYNTAX)
    query = _PendingQuery(argv) if len(argv) > 3 else None
    _, group = _require_group(read(session, argv[1], Stream), argv[1], argv[2])
    return _summary(group) if query is None else query.select(group, session.server.keyspace.now)


def _summary(group: Group) -> list[Any]:
    pending = group.pending
    if not len(pending):
        return [0, None, None, NULL_ARRAY]
    consumers = [
        [name, b"%d" % len(consumer.pending)]
        for name, consumer in sorted(group.consumers.items())
        if len(consumer.pending)
    ]
    return [len(pending), id_text(pending.first()), id_text(pending.last()), consumers]


class _PendingQuery:
    """Arguments of the extended form of XPENDING."""

    def __init__(self, argv: list[bytes]) -> None:
        self._min_idle, at = 0, 3
        if argv[3].lower() == b"idle":
            self._min_idle = require_integer(argv[4])
            if len(argv) < 8:
                raise CommandError(SYNTAX)
            at = 5
        self._count = max(0, require_integer(argv[at + 2]))
        self._start, self._end = read_start(argv[at]), read_end(argv[at + 1])
        self._consumer = argv[at + 3] if at + 3 < len(argv) else None

    def select(self, group: Group, now: int) -> list[Any]:
        """Return the matching entries with consumer, milliseconds since the last delivery, and number of deliveries."""
        pending = group.pending
        if self._consumer is not None:
            consumer = group.consumers.get(self._consumer)
            if consumer is None:
                return []
            pending = consumer.pending
        found = pending.items(self._start, self._end) if self._start <= self._end else iter(())
        late = ((id, each) for id, each in found if not self._min_idle or now - each.time >= self._min_idle)
        return [
            [id_text(id), each.consumer.name, max(0, now - each.time), each.count]
            for id, each in islice(late, min(self._count, HIGHEST))
        ]


def _require_stream(session: Session, key: bytes) -> Stream:
    stream = read(session, key, Stream)
    if stream is None:
        raise CommandError(NO_SUCH_KEY)
    return stream


@command("XINFO STREAM")
def xinfo_stream(session: Session, argv: list[bytes]) -> Reply:
    stream = _require_stream(session, argv[2])
    count = _full_count(argv)
    about = {
        b"length": len(stream),
        b"radix-tree-keys": stream.entries.count_nodes(),
        b"radix-tree-nodes": stream.entries.count_nodes() + 1,
        b"last-generated-id": id_text(stream.last_id),
        b"max-deleted-entry-id": id_text(stream.max_deleted_id),
        b"entries-added": stream.entries_added,
        b"recorded-first-entry-id": id_text(stream.entries.first()),
    }
    if count is None:
        ups, downs = stream.entries.items(), stream.entries.items_down(0, HIGHEST_ID)
        ends = [next(iter(entries(at_most(found, 1))), None) for found in (ups, downs)]
        return {**about, b"groups": len(stream.groups), b"first-entry": ends[0], b"last-entry": ends[1]}
    about[b"entries"] = entries(at_most(stream.entries.items(), count))
    about[b"groups"] = [_whole_group(stream, name, group, count) for name, group in sorted(stream.groups.items())]
    return about


def _full_count(argv: list[bytes]) -> int | None:
    """Return the COUNT of XINFO STREAM FULL, 0: all; None without FULL."""
    options = argv[3:]
    if not options:
        return None
    if len(options) not in (1, 3) or options[0].lower() != b"full":
        raise wrong_subcommand(argv)
    if len(options) == 1:
        return SHOWN
    if options[1].lower() != b"count":
        raise wrong_subcommand(argv)
    count = require_integer(options[2])
    return SHOWN if count < 0 else count


def _whole_group(stream: Stream, name: bytes, group: Group, count: int) -> dict[bytes, Any]:
    return {
        b"name": name,
        b"last-delivered-id": id_text(group.last_id),
        b"entries-read": group.entries_read,
        b"lag": stream.lag(group),
        b"pel-count": len(group.pending),
        b"pending": [
            [id_text(id), each.consumer.name, each.time, each.count]
            for id, each in at_most(group.pending.items(), count)
        ],
        b"consumers": [_whole_consumer(consumer, count) for _, consumer in sorted(group.consumers.items())],
    }


def _whole_consumer(consumer: Consumer, count: int) -> dict[bytes, Any]:
    return {
        b"name": consumer.name,
        b"seen-time": consumer.seen,
        b"pel-count": len(consumer.pending),
        b"pending": [[id_text(id), each.time, each.count] for id, each in at_most(consumer.pending.items(), count)],
    }


@command("XINFO GROUPS")
def xinfo_groups(session: Session, argv: list[bytes]) -> Reply:
    stream = _require_stream(session, argv[2])
    return [
        {
            b"name": name,
            b"consumers": len(group.consumers),
            b"pending": len(group.pending),
            b"last-delivered-id": id_text(group.last_id),
            b"entries-read": group.entries_read,
            b"lag": stream.lag(group),
        }
        for name, group in sorted(stream.groups.items())
    ]


@command("XINFO CONSUMERS")
def xinfo_consumers(session: Session, argv: list[bytes]) -> Reply:
    group = _require_stream(session, argv[2]).groups.get(argv[3])
    if group is None:
        raise _no_group(argv[2], argv[3])
    now = session.server.keyspace.now
    return [
        {b"name": name, b"pending": len(consumer.pending), b"idle": max(0, now - consumer.seen)}
        for name, consumer in sorted(group.consumers.items())
    ]
