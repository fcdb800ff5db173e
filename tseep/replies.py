"""
What a command returns, before any protocol has encoded it.

Most replies are plain Python values: C{bytes} (a bulk string), C{int}, C{float} (a double), C{bool}, C{None}
(the null), C{list} (an array), C{dict} (a map; a flat array in RESP2). The classes here are what Python has no
value for.
"""

from __future__ import annotations

from typing import Any


class Status:
    """A simple string: one line of text that stands for a state."""

    __slots__ = ("text",)

    def __init__(self, text: bytes) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"Status({self.text!r})"


class Verbatim:
    """A text with its format (C{txt} or C{mkd}): a verbatim string in RESP3, a bulk string in RESP2."""

    __slots__ = ("text", "format")

    def __init__(self, text: bytes, format: bytes = b"txt") -> None:
        self.text = text
        self.format = format


class SetReply(list):  # type: ignore[type-arg]
    """An unordered collection: a set in RESP3, an array in RESP2."""


class Push(list):  # type: ignore[type-arg]
    """Data that no request asked for: a push in RESP3, an array in RESP2."""


class BigNumber(bytes):
    """The digits of an integer of any size: a big number in RESP3, a bulk string in RESP2."""

    __slots__ = ()


class Attributed:
    """A reply with attributes beside it, which RESP2 clients don't see."""

    __slots__ = ("attributes", "reply")

    def __init__(self, attributes: dict[bytes, Any], reply: Any) -> None:
        self.attributes = attributes
        self.reply = reply


class Several(list):  # type: ignore[type-arg]
    """Not one reply but several, one after the other."""


class NullArray:
    """The null where an array was expected: C{*-1} in RESP2, the null in RESP3."""


class NoReply:
    """Nothing at all, for a client that asked for silence with CLIENT REPLY."""


class Blocked:
    """Nothing yet: the client waits, and is answered later."""


class Encoded(bytes):
    """Bytes that go to the client as they are: replies that were encoded before."""

    __slots__ = ()


Reply = Any
OK = Status(b"OK")
PONG = Status(b"PONG")
QUEUED = Status(b"QUEUED")
NULL_ARRAY = NullArray()
NO_REPLY = NoReply()
BLOCKED = Blocked()
