"""The hash data type (https://redis.io/docs/latest/develop/data-types/hashes/)."""

from __future__ import annotations

from itertools import islice

from tseep.datatypes.collection import Collection
from tseep.datatypes.memory import of_bytes, of_dict

MAX_LISTPACK_ENTRIES = 512
MAX_LISTPACK_VALUE = 64
"""Maximum number of fields, and bytes of a field or value, of a listpack (hash-max-listpack-entries, -value)."""

SAMPLE = 5
"""Number of fields that the memory estimate measures."""


class Hash(dict[bytes, bytes], Collection):
    """A dictionary from fields to values, in order of insertion."""

    __slots__ = ()

    type_name = b"hash"

    def encoding(self) -> bytes:
        if len(self) > MAX_LISTPACK_ENTRIES:
            return b"hashtable"
        long = any(len(field) > MAX_LISTPACK_VALUE or len(value) > MAX_LISTPACK_VALUE for field, value in self.items())
        return b"hashtable" if long else b"listpack"

    def size(self) -> int:
        sample = [of_bytes(field) + of_bytes(value) for field, value in islice(self.items(), SAMPLE)]
        return of_dict(self) + sum(sample) * len(self) // max(1, len(sample))

    def copy(self) -> Hash:
        return Hash(self)

    def release(self, most: int) -> bool:
        for _ in range(min(most, len(self))):
            self.popitem()
        return bool(self)
