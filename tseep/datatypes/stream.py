"""Streams: entries in the order of their ids, and groups of consumers that share them."""

from __future__ import annotations

from itertools import islice

from tseep.datatypes.collection import Collection
from tseep.datatypes.id_map import ChunkedIdMap
from tseep.datatypes.memory import ENTRY_BYTES, of_bytes

SEQUENCE = 2**64 - 1
"""The highest sequence number, and the mask for it: an id is C{milliseconds << 64 | sequence}."""

HIGHEST_ID = 2**128 - 1

SAMPLE = 5
"""Entries that are measured in place of all."""

OBJECT_BYTES = 590
"""Bytes of an empty stream."""

INDEX_BYTES = 48 + 17
"""Bytes of an id, and of the places of id and value."""

CONSUMER_BYTES = 300 + ENTRY_BYTES
"""Bytes of a consumer without anything pending; a group takes about as much."""

PENDING_BYTES = 64 + 2 * INDEX_BYTES
"""Bytes of a pending entry, which both the group and the consumer know."""

Fields = tuple[bytes, ...]
"""The fields of an entry, each before its value."""


def id_text(id: int) -> bytes:
    """An id as clients see it."""
    return b"%d-%d" % (id >> 64, id & SEQUENCE)


class Consumer:
    """
    One member of a group.

    @ivar seen: when it last asked for something, as a Unix time in milliseconds.
    @ivar pending: the entries of the group's that were delivered to it.
    """

    __slots__ = ("name", "pending", "seen")

    def __init__(self, name: bytes, seen: int) -> None:
        self.name = name
        self.seen = seen
        self.pending: ChunkedIdMap[Pending] = ChunkedIdMap()


class Pending:
    """
    An entry that was delivered, and not acknowledged yet.

    @ivar consumer: to whom.
    @ivar time: when last, as a Unix time in milliseconds.
    @ivar count: how often.
    """

    __slots__ = ("consumer", "count", "time")

    def __init__(self, consumer: Consumer, time: int, count: int = 1) -> None:
        self.consumer = consumer
        self.time = time
        self.count = count


class Group:
    """
    A group of consumers.

    @ivar last_id: the last entry that was delivered to any of them.
    @ivar entries_read: which one that was of all that were ever added; None if that is not known.
    @ivar pending: what was delivered and not acknowledged.
    @ivar consumers: by name.
    """

    __slots__ = ("consumers", "entries_read", "last_id", "pending")

    def __init__(self, last_id: int, entries_read: int | None = None) -> None:
        self.last_id = last_id
        self.entries_read = entries_read
        self.pending: ChunkedIdMap[Pending] = ChunkedIdMap()
        self.consumers: dict[bytes, Consumer] = {}

    def deliver(self, id: int, consumer: Consumer, now: int) -> None:
        """An entry is pending for a consumer from now on, whoever had it before."""
        pending = Pending(consumer, now)
        before = self.pending.add(id, pending)
        if before is not None:
            self.assign(id, before, consumer)
            before.time, before.count = now, 1
        else:
            consumer.pending.add(id, pending)

    def assign(self, id: int, pending: Pending, consumer: Consumer) -> None:
        """Give what is pending to another consumer."""
        if pending.consumer is not consumer:
            pending.consumer.pending.pop(id)
            consumer.pending.add(id, pending)
            pending.consumer = consumer

    def forget(self, id: int) -> bool:
        """An entry is not pending any more. Returns whether it was."""
        pending = self.pending.pop(id)
        if pending is None:
            return False
        pending.consumer.pending.pop(id)
        return True

    def remove(self, consumer: Consumer) -> int:
        """Remove a consumer, with what is pending for it. Returns how many entries that were."""
        for id, _ in consumer.pending:
            self.pending.pop(id)
        del self.consumers[consumer.name]
        return len(consumer.pending)

    def copy(self) -> Group:
        """Another one with the same consumers."""
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
    Entries with ids that only grow.

    @ivar entries: their fields by id.
    @ivar groups: by name.
    @ivar last_id: the highest id that an entry ever had.
    @ivar entries_added: how many entries were ever added.
    @ivar max_deleted_id: the highest id that was deleted, other than by trimming.
    """

    __slots__ = ("entries", "entries_added", "groups", "last_id", "max_deleted_id")

    type_name = b"stream"

    def __init__(self) -> None:
        self.entries: ChunkedIdMap[Fields] = ChunkedIdMap()
        self.groups: dict[bytes, Group] = {}
        self.last_id = 0
        self.entries_added = 0
        self.max_deleted_id = 0

    def __len__(self) -> int:
        return len(self.entries)

    def add(self, id: int, fields: Fields) -> None:
        """Add an entry, whose id must be higher than the last."""
        self.last_id = id
        self.entries_added += 1
        self.entries.append(id, fields)

    def delete(self, id: int) -> bool:
        """Delete an entry. Returns whether it was there."""
        if self.entries.pop(id) is None:
            return False
        self.max_deleted_id = max(id, self.max_deleted_id)
        return True

    # Groups

    def advance(self, group: Group, id: int) -> None:
        """A group has been given the entry C{id}, which is above its last one."""
        if group.entries_read is not None and not self._deleted_from(id):
            group.entries_read += 1
        elif self.entries_added:
            group.entries_read = self.place(id)
        group.last_id = id

    def lag(self, group: Group) -> int | None:
        """How many entries a group has not been given yet; None if that cannot be known."""
        if not self.entries_added:
            return 0
        read = group.entries_read
        if read is None or self._deleted_from(group.last_id):
            read = self.place(group.last_id)
        return None if read is None else self.entries_added - read

    def place(self, id: int) -> int | None:
        """Which one of all entries that were ever added has an id, or would have; None if that cannot be known."""
        if not self.entries_added or (not self.entries and id <= self.last_id) or id == self.last_id:
            return self.entries_added
        first = self.entries.first()
        if id > self.last_id or id > first or self.max_deleted_id >= first > 0:
            return None
        return self.entries_added - len(self.entries) + (id == first)

    def _deleted_from(self, id: int) -> bool:
        """Whether an entry from C{id} on may have been deleted."""
        return bool(self.entries) and 0 < self.max_deleted_id >= id

    # As any value

    def encoding(self) -> bytes:
        """C{stream}."""
        return b"stream"

    def size(self) -> int:
        """Estimate the bytes that it takes, from the first few entries."""
        sample = [40 + sum(8 + of_bytes(part) for part in fields) for _, fields in islice(self.entries, SAMPLE)]
        entries = (INDEX_BYTES + sum(sample) // max(1, len(sample))) * len(self.entries)
        groups = sum(
            CONSUMER_BYTES * (1 + len(group.consumers)) + PENDING_BYTES * len(group.pending)
            for group in self.groups.values()
        )
        return OBJECT_BYTES + entries + groups

    def copy(self) -> Stream:
        """Another one with the same entries and groups."""
        other = Stream()
        other.entries = self.entries.copy()
        other.groups = {name: group.copy() for name, group in self.groups.items()}
        other.last_id = self.last_id
        other.entries_added = self.entries_added
        other.max_deleted_id = self.max_deleted_id
        return other

    def release(self, most: int) -> bool:
        """Give back up to about C{most} entries, or consumers' pending entries; return whether there are more."""
        if self.entries.truncate(most):
            return True
        while self.groups:
            name, group = self.groups.popitem()
            if group.pending.truncate(most):
                self.groups[name] = group
                return True
        return False
