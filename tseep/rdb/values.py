"""Encoding of values to RDB, and decoding."""

from __future__ import annotations

from math import isnan
from struct import Struct
from typing import Any, Callable

from tseep.datatypes.hash import Hash, ListpackHash
from tseep.datatypes.list import RedisList
from tseep.datatypes.set import IntSet, Set
from tseep.datatypes.sorted_set import ListpackSortedSet, SortedSet
from tseep.datatypes.stream import Stream
from tseep.rdb import format
from tseep.rdb.format import Corrupt, EmptyValue, length, string
from tseep.rdb.listpack import Element, as_bytes, read_intset, read_listpack, read_ziplist, read_zipmap
from tseep.rdb.lzf import compress
from tseep.rdb.reader import DAMAGED, Reader
from tseep.rdb.streams import read_stream, write_stream

_double = Struct("<d").pack
_COMPRESSED = b"\xc3"
"""The encoding of an LZF string, in the place of a length."""


# Writing


def write_value(value: Any, compresses: bool = False) -> tuple[int, bytes]:
    """
    Encode a value; return its RDB type and its bytes.

    @param compresses: whether a string is compressed, if that is worth it.
    """
    if compresses and type(value) in (bytes, bytearray):
        packed = compress(value)
        if packed:
            return format.STRING, _COMPRESSED + length(len(packed)) + length(len(value)) + packed
    return _WRITERS[type(value)](value)


def _write_list(value: RedisList) -> tuple[int, bytes]:
    return format.LIST, length(len(value)) + b"".join(map(string, value))


def _write_set(value: Set) -> tuple[int, bytes]:
    return format.SET, length(len(value)) + b"".join(map(string, value.members))


def _write_hash(value: Hash) -> tuple[int, bytes]:
    parts = [string(part) for pair in value.items() for part in pair]
    return format.HASH, length(len(value)) + b"".join(parts)


def _write_sorted_set(value: SortedSet) -> tuple[int, bytes]:
    parts = [string(member) + _double(score) for member, score in value.scores.items()]
    return format.ZSET_2, length(len(value)) + b"".join(parts)


_WRITERS: dict[type, Callable[[Any], tuple[int, bytes]]] = {
    bytes: lambda value: (format.STRING, string(value)),
    bytearray: lambda value: (format.STRING, string(value)),
    RedisList: _write_list,
    Set: _write_set,
    IntSet: _write_set,
    Hash: _write_hash,
    ListpackHash: _write_hash,
    SortedSet: _write_sorted_set,
    ListpackSortedSet: _write_sorted_set,
    Stream: lambda value: (format.STREAM_LISTPACKS_2, write_stream(value)),
}


# Reading


def read_value(kind: int, reader: Reader) -> Any:
    """
    Decode a value of the RDB type C{kind}.

    @raise Corrupt: if it is damaged or its type is unknown; or another exception of
        L{DAMAGED <tseep.rdb.reader.DAMAGED>}.
    """
    read = _READERS.get(kind)
    if read is None:
        raise Corrupt(f"unknown value type {kind}")
    return read(reader)


def _strings(reader: Reader, count: int) -> list[bytes]:
    take = reader.string
    return [take() for _ in range(count)]


def _list(elements: list[bytes]) -> RedisList:
    return RedisList(_not_empty(elements))


def _set(members: list[bytes]) -> Set:
    value = Set.of(_not_empty(members))
    if len(value) != len(members):
        raise Corrupt("Duplicate set members detected")
    return value


def _hash(parts: list[bytes]) -> Hash:
    value = Hash.of(zip(parts[::2], parts[1::2]))
    if 2 * len(value) != len(_not_empty(parts)):
        raise Corrupt("Duplicate hash fields detected")
    return value


def _sorted_set(pairs: list[tuple[bytes, float]]) -> SortedSet:
    value = SortedSet.of(dict(_not_empty(pairs)))
    if len(value) != len(pairs):
        raise Corrupt("Duplicate zset fields detected")
    if any(map(isnan, value.scores.values())):
        raise Corrupt("Zset with NAN score detected")
    return value


def _not_empty(elements: list[Any]) -> list[Any]:
    if not elements:
        raise EmptyValue("a value is empty")
    return elements


def _packed(name: str, decode: Callable[[bytes], Any]) -> Callable[[Reader], Any]:
    """
    Return a reader of a value in one packed encoding.

    @param name: the name of the encoding in Redis's error.
    """

    def read(reader: Reader) -> Any:
        data = reader.string()
        try:
            return decode(data)
        except EmptyValue:
            raise
        except DAMAGED as error:
            raise Corrupt(f"{name} integrity check failed: {error}") from error

    return read


def _read_sorted_set(reader: Reader, score: Callable[[Reader], float]) -> SortedSet:
    take = reader.string
    return _sorted_set([(take(), score(reader)) for _ in range(reader.length())])


def _plain_node(reader: Reader) -> bytes:
    element = reader.string()
    if not element:
        raise Corrupt("Quicklist integrity check failed: a node is empty")
    return element


_ziplist_node, _listpack_node = _packed("Ziplist", read_ziplist), _packed("Listpack", read_listpack)


def _read_quicklist(reader: Reader) -> RedisList:
    nodes = [_ziplist_node(reader) for _ in range(reader.length())]
    return _list([as_bytes(element) for node in nodes for element in node])


def _read_quicklist_2(reader: Reader) -> RedisList:
    elements: list[bytes] = []
    for _ in range(reader.length()):
        if reader.length() == 1:  # a plain node: one element that is too long for a listpack
            elements.append(_plain_node(reader))
        else:
            elements += map(as_bytes, _listpack_node(reader))
    return _list(elements)


def _texts(elements: list[Element]) -> list[bytes]:
    return list(map(as_bytes, elements))


def _scored(elements: list[Element]) -> SortedSet:
    if len(elements) % 2:
        raise Corrupt("a member has no score")
    return _sorted_set([(as_bytes(member), float(score)) for member, score in zip(elements[::2], elements[1::2])])


_READERS: dict[int, Callable[[Reader], Any]] = {
    format.STRING: Reader.string,
    format.LIST: lambda reader: _list(_strings(reader, reader.length())),
    format.SET: lambda reader: _set(_strings(reader, reader.length())),
    format.HASH: lambda reader: _hash(_strings(reader, 2 * reader.length())),
    format.ZSET: lambda reader: _read_sorted_set(reader, Reader.double_as_text),
    format.ZSET_2: lambda reader: _read_sorted_set(reader, Reader.double),
    format.HASH_ZIPMAP: _packed("Zipmap", lambda data: _hash(_texts(read_zipmap(data)))),
    format.LIST_ZIPLIST: _packed("List ziplist", lambda data: _list(_texts(read_ziplist(data)))),
    format.SET_INTSET: _packed("Intset", lambda data: _set(read_intset(data))),
    format.ZSET_ZIPLIST: _packed("Zset ziplist", lambda data: _scored(read_ziplist(data))),
    format.HASH_ZIPLIST: _packed("Hash ziplist", lambda data: _hash(_texts(read_ziplist(data)))),
    format.LIST_QUICKLIST: _read_quicklist,
    format.HASH_LISTPACK: _packed("Hash listpack", lambda data: _hash(_texts(read_listpack(data)))),
    format.ZSET_LISTPACK: _packed("Zset listpack", lambda data: _scored(read_listpack(data))),
    format.LIST_QUICKLIST_2: _read_quicklist_2,
    format.SET_LISTPACK: _packed("Set listpack", lambda data: _set(_texts(read_listpack(data)))),
    format.STREAM_LISTPACKS: lambda reader: read_stream(reader, 1),
    format.STREAM_LISTPACKS_2: lambda reader: read_stream(reader, 2),
    format.STREAM_LISTPACKS_3: lambda reader: read_stream(reader, 3),
}
