"""The ACL categories of a command (https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tseep.registry.table import Command

_GROUPS = {
    "bitmap": "bitmap",
    "connection": "connection",
    "generic": "keyspace",
    "geo": "geo",
    "hash": "hash",
    "hyperloglog": "hyperloglog",
    "list": "list",
    "scripting": "scripting",
    "set": "set",
    "sorted-set": "sortedset",
    "stream": "stream",
    "string": "string",
    "transactions": "transaction",
}
"""By group, the category of its commands."""

_FLAGS = {
    "write": ["write"],
    "readonly": ["read"],
    "admin": ["admin", "dangerous"],
    "pubsub": ["pubsub"],
    "fast": ["fast"],
    "blocking": ["blocking"],
}
"""By flag, the categories that follow from it."""

CATEGORIES = (
    "keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap", "hyperloglog", "geo",
    "stream", "pubsub", "admin", "fast", "slow", "blocking", "dangerous", "connection", "transaction", "scripting",
)  # fmt: skip
"""All of them, in Redis's order."""


def categories_of(command: Command) -> list[str]:
    """A command's categories, without their C{@}, in Redis's order."""
    named = {category.lstrip("@") for category in command.categories}
    found = named | _of_group(command, named)
    for flag in command.flags:
        found.update(_FLAGS.get(flag, ()))
    if "scripting" in found:
        found.discard("read")
    if "fast" not in found:
        found.add("slow")
    return [category for category in CATEGORIES if category in found]


def _of_group(command: Command, named: set[str]) -> set[str]:
    """The category of its group, unless it is a container or its categories name another group's."""
    if command.run is None or named & set(_GROUPS.values()):
        return set()
    return {_GROUPS[command.group]} if command.group in _GROUPS else set()
