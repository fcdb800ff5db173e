"""Streams in RDB: listpack nodes of entries, then the consumer groups (redis/src/t_stream.c)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import unpack

from tseep.datatypes.stream import Consumer, Group, Pending, Stream
from tseep.datatypes.stream_entries import SEQUENCE, Fields
from tseep.rdb.format import Corrupt, length, milliseconds, string
from tseep.rdb.listpack import Element, as_bytes, read_listpack, write_listpack
from tseep.rdb.reader import DAMAGED, Reader

_DELETED, _SAME_FIELDS = 1, 2
_UNKNOWN = 2**64 - 1  # number of entries that a group has read

Entry = tuple[int, Fields]


# Writing


def write_stream(stream: Stream) -> bytes:
    """Encode a stream as STREAM_LISTPACKS_2."""
    nodes = stream.entries.nodes()
    out = [length(len(nodes))]
    out += [string(_key(node.ids[0])) + string(_node(node.ids, node.values)) for node in nodes]
    numbers = [
        len(stream), *_halves(stream.last_id), *_halves(stream.entries.first()), *_halves(stream.max_deleted_id),
        stream.entries_added, len(stream.groups),
    ]  # fmt: skip
    out += map(length, numbers)
    out += [_write_group(name, group) for name, group in stream.groups.items()]
    return b"".join(out)


def _halves(id: int) -> tuple[int, int]:
    return id >> 64, id & SEQUENCE


def _key(id: int) -> bytes:
    return id.to_bytes(16, "big")


def _node(ids: Sequence[int], values: Sequence[Fields]) -> bytes:
    """Encode a node of entries; entries with the first one's field names omit the names."""
    first_ms, first_sequence = _halves(ids[0])
    names = values[0][::2]
    elements: list[Element] = [len(ids), 0, len(names), *names, 0]
    for id, fields in zip(ids, values):
        ms, sequence = _halves(id)
        difference = [ms - first_ms, _signed(sequence - first_sequence)]
        if fields[::2] == names:
            elements += [_SAME_FIELDS, *difference, *fields[1::2], len(names) + 3]
        else:
            elements += [0, *difference, len(fields) // 2, *fields, len(fields) + 4]
    return write_listpack(elements)


def _signed(number: int) -> int:
    """The number as a signed 64-bit integer, which wraps around."""
    return (number + 2**63) % 2**64 - 2**63


def _write_group(name: bytes, group: Group) -> bytes:
    read = _UNKNOWN if group.entries_read is None else group.entries_read
    out = [string(name), *map(length, [*_halves(group.last_id), read, len(group.pending)])]
    for id, pending in group.pending:
        out.append(_key(id) + milliseconds(pending.time) + length(pending.count))
    out.append(length(len(group.consumers)))
    for consumer in group.consumers.values():
        out.append(string(consumer.name) + milliseconds(consumer.seen) + length(len(consumer.pending)))
        out += [_key(id) for id, _ in consumer.pending]
    return b"".join(out)


# Reading


def read_stream(reader: Reader, version: int) -> Stream:
    """
    Decode a stream.

    @param version: 1 for STREAM_LISTPACKS, 2 and 3 for the types added by Redis 7.0 and 7.2.
    @raise Corrupt: if it is damaged.
    """
    stream = Stream()
    for _ in range(reader.length()):
        _read_node(reader, stream)
    size = reader.length()
    stream.last_id = _read_id(reader)
    if size != len(stream):
        raise Corrupt("a stream's length is not its number of entries")
    if version >= 2:
        _read_id(reader)  # of the first entry
        stream.max_deleted_id = _read_id(reader)
        stream.entries_added = reader.length()
    else:
        stream.entries_added = size
    if size and stream.entries.last() > stream.last_id:
        raise Corrupt("a stream has an entry after its last ID")
    for _ in range(reader.length()):
        _read_group(reader, stream, version)
    return stream


def _read_id(reader: Reader) -> int:
    return reader.length() << 64 | reader.length()


def _read_key(reader: Reader) -> int:
    return int.from_bytes(reader.take(16), "big")


def _read_node(reader: Reader, stream: Stream) -> None:
    key, elements = reader.string(), iter(_listpack(reader))
    if len(key) != 16:
        raise Corrupt("a stream's node has no ID")
    entries = list(_read_entries(elements, *unpack(">QQ", key)))
    ids = [id for id, _ in entries]
    if not ids:
        raise Corrupt("a stream's node is empty")
    if ids[0] <= stream.entries.last() or sorted(set(ids)) != ids:
        raise Corrupt("a stream's entries are not in order")
    stream.entries.append_node(ids, [fields for _, fields in entries])


def _listpack(reader: Reader) -> list[Element]:
    data = reader.string()
    try:
        return read_listpack(data)
    except DAMAGED as error:
        raise Corrupt(f"Stream listpack integrity check failed: {error}") from error


def _read_entries(elements: Iterator[Element], first_ms: int, first_sequence: int) -> Iterator[Entry]:
    try:
        count, deleted = _number(elements), _number(elements)
        names = [as_bytes(next(elements)) for _ in range(_number(elements))]
        _number(elements)  # the end of the master entry
        for _ in range(count + deleted):
            flags = _number(elements)
            ms, sequence = first_ms + _number(elements), (first_sequence + _number(elements)) & SEQUENCE
            same = flags & _SAME_FIELDS
            fields = _read_fields(elements, names if same else None)
            if _number(elements) != (len(names) + 3 if same else len(fields) + 4):  # for reverse iteration
                raise Corrupt("Stream listpack integrity check failed: an entry has a wrong number of elements")
            if not flags & _DELETED:
                yield pack_id(ms, sequence), fields
    except StopIteration:
        raise Corrupt("a stream's entries are truncated") from None


def _read_fields(elements: Iterator[Element], names: list[bytes] | None) -> Fields:
    if names is None:
        return tuple([as_bytes(next(elements)) for _ in range(2 * _number(elements))])
    return tuple([part for name in names for part in (name, as_bytes(next(elements)))])


def _number(elements: Iterator[Element]) -> int:
    number = next(elements)
    if type(number) is not int:
        raise Corrupt("a stream's entry has text where a number should be")
    return number


def pack_id(ms: int, sequence: int) -> int:
    if not 0 <= ms <= SEQUENCE:
        raise Corrupt("a stream's entry has an invalid ID")
    return ms << 64 | sequence


def _read_group(reader: Reader, stream: Stream, version: int) -> None:
    name = reader.string()
    if name in stream.groups:
        raise Corrupt("a stream has a group twice")
    group = stream.groups[name] = Group(_read_id(reader))
    if version >= 2:
        read = reader.length()
        group.entries_read = None if read == _UNKNOWN else read
    else:
        group.entries_read = stream.place(group.last_id)
    unassigned = Consumer(b"", 0)
    for _ in range(reader.length()):
        pending = Pending(unassigned, 0)
        id, pending.time, pending.count = _read_key(reader), reader.milliseconds(), reader.length()
        if group.pending.add(id, pending) is not None:
            raise Corrupt("an entry is pending twice")
    for _ in range(reader.length()):
        _read_consumer(reader, group, version, unassigned)
    if any(pending.consumer is unassigned for _, pending in group.pending):
        raise Corrupt("a pending entry has no consumer")


def _read_consumer(reader: Reader, group: Group, version: int, unassigned: Consumer) -> None:
    name = reader.string()
    if name in group.consumers:
        raise Corrupt("Duplicate stream consumer detected")
    consumer = group.consumers[name] = Consumer(name, reader.milliseconds())
    if version >= 3:
        reader.milliseconds()  # its last successful read
    for _ in range(reader.length()):
        id = _read_key(reader)
        pending = group.pending.get(id)
        if pending is None:
            raise Corrupt("Consumer entry not found in group global PEL")
        if pending.consumer is not unassigned:
            raise Corrupt("Stream consumer PEL entry already has a consumer assigned")
        consumer.pending.add(id, pending)
        pending.consumer = consumer
