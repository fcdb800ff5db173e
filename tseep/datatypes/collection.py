"""What every value but a string can do."""

from __future__ import annotations

from typing import ClassVar


class Collection:
    """
    A hash, list, set, sorted set or stream, as the parts that know no type of value use it.

    Its length is the number of its elements. No empty one but a stream stays in a database.

    @cvar type_name: what TYPE calls it.
    """

    __slots__ = ()

    type_name: ClassVar[bytes]

    def __len__(self) -> int:
        raise NotImplementedError

    def encoding(self) -> bytes:
        """How Redis would hold it, as OBJECT ENCODING tells."""
        raise NotImplementedError

    def size(self) -> int:
        """Estimate the bytes that it takes, elements and all. O(1): a few elements stand for the others."""
        raise NotImplementedError

    def copy(self) -> Collection:
        """Another one with the same elements."""
        raise NotImplementedError

    def release(self, most: int) -> bool:
        """
        Give back up to about C{most} elements of one that nobody uses any more, so that freeing takes no long pause.

        @return: whether there are more.
        """
        raise NotImplementedError


def type_name(value: bytes | bytearray | Collection) -> bytes:
    """What TYPE calls a value."""
    return value.type_name if isinstance(value, Collection) else b"string"
