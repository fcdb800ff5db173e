"""The hash data type (https://redis.io/docs/latest/develop/data-types/hashes/)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, islice

from tseep.datatypes.collection import Collection
from tseep.datatypes.limits import LIMITS
from tseep.datatypes.memory import of_bytes, of_dict

SAMPLE = 5
"""Number of fields that the memory estimate measures."""


class Hash(dict[bytes, bytes], Collection):
    """A dictionary from fields to values, in order of insertion."""

    __slots__ = ()

    type_name = b"hash"
    encoding = b"hashtable"

    @staticmethod
    def of(pairs: Iterable[tuple[bytes, bytes]]) -> Hash:
        """A hash of pairs of field and value, in the encoding that Redis chooses for a new hash."""
        value = ListpackHash(pairs)
        if value:
            value.convert_if_large(chain.from_iterable(value.items()))
        return value

    def size(self) -> int:
        sample = [of_bytes(field) + of_bytes(value) for field, value in islice(self.items(), SAMPLE)]
        return of_dict(self) + sum(sample) * len(self) // max(1, len(sample))

    def copy(self) -> Hash:
        return type(self)(self)

    def release(self, most: int) -> bool:
        for _ in range(min(most, len(self))):
            self.popitem()
        return bool(self)


class ListpackHash(Hash):
    """A hash that is a listpack in Redis: with few fields, and only short texts."""

    __slots__ = ()

    encoding = b"listpack"

    def convert_if_large(self, texts: Iterable[bytes]) -> None:
        """Convert it to a hashtable, if it has too many fields, or a new field or value of C{texts} is too long."""
        if len(self) > LIMITS.hash_max_listpack_entries or max(map(len, texts)) > LIMITS.hash_max_listpack_value:
            self.convert(Hash)
