"""
Types of replies: what a command returns, before the protocol encodes it.

Source: https://redis.io/docs/latest/develop/reference/protocol-spec/.

Most replies are plain Python values: C{bytes} (a bulk string), C{int}, C{float} (a double), C{bool}, C{None}
(the null), C{list} (an array), C{dict} (a map; a flat array in RESP2). The classes here cover the RESP types
that no built-in Python type stands for.
"""

from __future__ import annotations

from typing import Any


class Status:
    """A simple string, such as C{OK}; it must not contain line breaks."""

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
    """Out-of-band data, such as a Pub/Sub message: a push in RESP3, an array in RESP2."""


class BigNumber(bytes):
    """The digits of an integer of any size: a big number in RESP3, a bulk string in RESP2."""

    __slots__ = ()


class Attributed:
    """A reply with attributes, which are omitted in RESP2."""

    __slots__ = ("attributes", "reply")

    def __init__(self, attributes: dict[bytes, Any], reply: Any) -> None:
        self.attributes = attributes
        self.reply = reply


class Several(list):  # type: ignore[type-arg]
    """Several replies to one command, sent in this order."""


class NullArray:
    """The null in place of an array: C{*-1} in RESP2, the null in RESP3."""


class NoReply:
    """No reply is sent (CLIENT REPLY OFF and SKIP)."""


class Blocked:
    """The client is blocked; its reply is sent later."""


class Encoded(bytes):
    """Replies that are already encoded, and are sent unmodified."""

    __slots__ = ()


Reply = Any
OK = Status(b"OK")
PONG = Status(b"PONG")
QUEUED = Status(b"QUEUED")
NULL_ARRAY = NullArray()
NO_REPLY = NoReply()
BLOCKED = Blocked()
