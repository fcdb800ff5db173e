"""The common base of all data types but strings."""

from __future__ import annotations

from typing import ClassVar


class Collection:
    """
    A hash, list, set, sorted set or stream.

    Its length is the number of its elements. A database has no empty collections, except streams.

    A type whose encoding depends on the size has a class for each encoding.

    @cvar type_name: the reply of TYPE.
    @cvar encoding: the reply of OBJECT ENCODING: the encoding that the value has in Redis.
    """

    __slots__ = ()

    type_name: ClassVar[bytes]
    encoding: ClassVar[bytes]

    def __len__(self) -> int:
        raise NotImplementedError

    def size(self) -> int:
        """Estimate its memory with all elements, in bytes. O(1): extrapolated from a few elements."""
        raise NotImplementedError

    def copy(self) -> Collection:
        """Return a copy with the same elements and encoding."""
        raise NotImplementedError

    def convert(self, encoded: type[Collection]) -> None:
        """Change the encoding in place to that of C{encoded}, a class of the same type and layout."""
        self.__class__ = encoded

    def release(self, most: int) -> bool:
        """
        Free about C{most} elements of a value that is no longer in a database (lazy free).

        @return: True if there are more.
        """
        raise NotImplementedError


def type_name(value: bytes | bytearray | Collection) -> bytes:
    """The reply of TYPE for a value."""
    return value.type_name if isinstance(value, Collection) else b"string"
