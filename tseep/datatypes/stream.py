"""The stream data type: entries sorted by ID, and consumer groups. Source:
https://redis.io/docs/latest/develop/data-types/streams/, redis/src/t_stream.c."""

from __future__ import annotations

from itertools import islice

from tseep.datatypes.collection import Collection
from tseep.datatypes.id_map import ChunkedIdMap
from tseep.datatypes.memory import ENTRY_BYTES, of_bytes
from tseep.datatypes.stream_entries import SEQUENCE, Fields, StreamEntries

HIGHEST_ID = 2**128 - 1

SAMPLE = 5
"""Number of entries that the memory estimate measures."""

OBJECT_BYTES = 590
"""Bytes of an empty stream."""

INDEX_BYTES = 48 + 17
"""Bytes of an ID, and of the entries of ID and value in a chunk."""

CONSUMER_BYTES = 300 + ENTRY_BYTES
"""Bytes of a consumer without pending entries; about the same for a group."""

PENDING_BYTES = 64 + 2 * INDEX_BYTES
"""Bytes of a pending entry, which is in the maps of both the group and the consumer."""


def id_text(id: int) -> bytes:
    """An ID in the format of replies, C{milliseconds-sequence}."""
    return b"%d-%d" % (id >> 64, id & SEQUENCE)


class Consumer:
    """
    A consumer of a group.

    @ivar seen: Unix time of its last command, in milliseconds.
    @ivar pending: those of the group's pending entries that were delivered to it.
    """

    __slots__ = ("name", "pending", "seen")

    def __init__(self, name: bytes, seen: int) -> None:
        self.name = name
        self.seen = seen
        self.pending: ChunkedIdMap[Pending] = ChunkedIdMap()


class Pending:
    """
    An entry that was delivered to a consumer and is not acknowledged.

    @ivar consumer: the consumer of the last delivery.
    @ivar time: Unix time of the last delivery, in milliseconds.
    @ivar count: number of deliveries.
    """

    __slots__ = ("consumer", "count", "time")

    def __init__(self, consumer: Consumer, time: int, count: int = 1) -> None:
        self.consumer = consumer
        self.time = time
        self.count = count


class Group:
    """
    A consumer group.

    @ivar last_id: ID of the last entry that was delivered to any consumer.
    @ivar entries_read: number of entries up to that one that were ever added; None if unknown.
    @ivar pending: the pending entries list (PEL), by ID.
    @ivar consumers: the consumers, by name.
    """

    __slots__ = ("consumers", "entries_read", "last_id", "pending")

    def __init__(self, last_id: int, entries_read: int | None = None) -> None:
        self.last_id = last_id
        self.entries_read = entries_read
        self.pending: ChunkedIdMap[Pending] = ChunkedIdMap()
        self.consumers: dict[bytes, Consumer] = {}

    def deliver(self, id: int, consumer: Consumer, now: int) -> None:
        """Make an entry pending for a consumer. One that already is pending is reassigned; its count restarts at 1."""
        pending = Pending(consumer, now)
        before = self.pending.add(id, pending)
        if before is not None:
            self.assign(id, before, consumer)
            before.time, before.count = now, 1
        else:
            consumer.pending.add(id, pending)

    def assign(self, id: int, pending: Pending, consumer: Consumer) -> None:
        """Move a pending entry to another consumer."""
        if pending.consumer is not consumer:
            pending.consumer.pending.pop(id)
            consumer.pending.add(id, pending)
            pending.consumer = consumer

    def forget(self, id: int) -> bool:
        """Remove an entry from the pending entries. Return whether it was pending."""
        pending = self.pending.pop(id)
        if pending is None:
            return False
        pending.consumer.pending.pop(id)
        return True

    def remove(self, consumer: Consumer) -> int:
        """Remove a consumer with its pending entries. Return their number."""
        for id, _ in consumer.pending:
            self.pending.pop(id)
        del self.consumers[consumer.name]
        return len(consumer.pending)

    def copy(self) -> Group:
        """Return a copy with copies of the consumers and pending entries."""
        other = Group(self.last_id, self.entries_read)
        for name, consumer in self.consumers.items():
            other.consumers[name] = Consumer(name, consumer.seen)
        for id, pending in self.pending:
            consumer = other.consumers[pending.consumer.name]
            again = Pending(consumer, pending.time, pending.count)
            other.pending.append(id, again)
            consumer.pending.append(id, again)
        return other


class Stream(Collection):
    """
    A stream; new IDs must be above all earlier ones.

    @ivar entries: fields by ID.
    @ivar groups: consumer groups by name.
    @ivar last_id: the highest ID that an entry ever had.
    @ivar entries_added: number of entries that were ever added.
    @ivar max_deleted_id: the highest ID that was deleted, other than by trimming.
    """

    __slots__ = ("entries", "entries_added", "groups", "last_id", "max_deleted_id")

    type_name = b"stream"
    encoding = b"stream"

    def __init__(self) -> None:
        self.entries = StreamEntries()
        self.groups: dict[bytes, Group] = {}
        self.last_id = 0
        self.entries_added = 0
        self.max_deleted_id = 0

    def __len__(self) -> int:
        return len(self.entries)

    def add(self, id: int, fields: Fields) -> None:
        """Add an entry, whose ID must be above C{last_id}, to the last node or to a new one."""
        self.last_id = id
        self.entries_added += 1
        self.entries.append(id, fields)

    def delete(self, id: int) -> bool:
        """Delete an entry. Return whether it existed."""
        if self.entries.pop(id) is None:
            return False
        self.max_deleted_id = max(id, self.max_deleted_id)
        return True

    # Groups

    def advance(self, group: Group, id: int) -> None:
        """Record that entry C{id}, which is above the group's last one, has been delivered to a group."""
        if group.entries_read is not None and not self._deleted_from(id):
            group.entries_read += 1
        elif self.entries_added:
            group.entries_read = self.place(id)
        group.last_id = id

    def lag(self, group: Group) -> int | None:
        """The number of entries that were not delivered to a group yet (XINFO GROUPS); None if unknown."""
        if not self.entries_added:
            return 0
        read = group.entries_read
        if read is None or self._deleted_from(group.last_id):
            read = self.place(group.last_id)
        return None if read is None else self.entries_added - read

    def place(self, id: int) -> int | None:
        """The number of entries up to an ID that were ever added; None if unknown."""
        if not self.entries_added or (not self.entries and id <= self.last_id) or id == self.last_id:
            return self.entries_added
        first = self.entries.first()
        if id > self.last_id or id > first or self.max_deleted_id >= first > 0:
            return None
        return self.entries_added - len(self.entries) + (id == first)

    def _deleted_from(self, id: int) -> bool:
        """True if an entry with this or a higher ID could have been deleted."""
        return bool(self.entries) and 0 < self.max_deleted_id >= id

    # Collection

    def size(self) -> int:
        sample = [40 + sum(8 + of_bytes(part) for part in fields) for _, fields in islice(self.entries, SAMPLE)]
        entries = (INDEX_BYTES + sum(sample) // max(1, len(sample))) * len(self.entries)
        groups = sum(
            CONSUMER_BYTES * (1 + len(group.consumers)) + PENDING_BYTES * len(group.pending)
            for group in self.groups.values()
        )
        return OBJECT_BYTES + entries + groups

    def copy(self) -> Stream:
        other = Stream()
        other.entries = self.entries.copy()
        other.groups = {name: group.copy() for name, group in self.groups.items()}
        other.last_id = self.last_id
        other.entries_added = self.entries_added
        other.max_deleted_id = self.max_deleted_id
        return other

    def release(self, most: int) -> bool:
        """Free about C{most} entries, or pending entries of a group. Return whether there are more."""
        if self.entries.truncate(most):
            return True
        while self.groups:
            name, group = self.groups.popitem()
            if group.pending.truncate(most):
                self.groups[name] = group
                return True
        return False
