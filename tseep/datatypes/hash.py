"""Hashes: fields with their values."""

from __future__ import annotations

from itertools import islice

from tseep.datatypes.collection import Collection
from tseep.datatypes.memory import of_bytes, of_dict

MAX_LISTPACK_ENTRIES = 512
MAX_LISTPACK_VALUE = 64
"""Up to so many fields, and bytes of a field or value, Redis packs a hash (hash-max-listpack-entries and -value)."""

SAMPLE = 5
"""Elements that are measured in place of all."""


class Hash(dict[bytes, bytes], Collection):
    """The fields of a hash with their values, in the order in which they came."""

    __slots__ = ()

    type_name = b"hash"

    def encoding(self) -> bytes:
        """C{listpack} if it is short, C{hashtable} if not."""
        if len(self) > MAX_LISTPACK_ENTRIES:
            return b"hashtable"
        long = any(len(field) > MAX_LISTPACK_VALUE or len(value) > MAX_LISTPACK_VALUE for field, value in self.items())
        return b"hashtable" if long else b"listpack"

    def size(self) -> int:
        """Estimate the bytes that it takes, from the first few fields."""
        sample = [of_bytes(field) + of_bytes(value) for field, value in islice(self.items(), SAMPLE)]
        return of_dict(self) + sum(sample) * len(self) // max(1, len(sample))

    def copy(self) -> Hash:
        """Another one with the same fields."""
        return Hash(self)

    def release(self, most: int) -> bool:
        """Give back up to C{most} fields; return whether there are more."""
        for _ in range(min(most, len(self))):
            self.popitem()
        return bool(self)
