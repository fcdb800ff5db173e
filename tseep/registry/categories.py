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
"""By group, its category. Groups without one are missing."""

_FLAGS = {
    "write": ["write"],
    "readonly": ["read"],
    "admin": ["admin", "dangerous"],
    "pubsub": ["pubsub"],
    "fast": ["fast"],
    "blocking": ["blocking"],
}
"""By flag, its categories."""

CATEGORIES = (
    "keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap", "hyperloglog", "geo",
    "stream", "pubsub", "admin", "fast", "slow", "blocking", "dangerous", "connection", "transaction", "scripting",
)  # fmt: skip
"""All categories, in Redis's order."""


def categories_of(command: Command) -> list[str]:
    """Return a command's categories, without C{@}, in Redis's order."""
    found = {*command.categories, *_of_group(command)}
    for flag in command.flags:
        found.update(_FLAGS.get(flag, ()))
    if "scripting" in found:
        found.discard("read")
    if "fast" not in found:
        found.add("slow")
    return [category for category in CATEGORIES if category in found]


def _of_group(command: Command) -> set[str]:
    """Return the category of its group, unless it is a container or has the category of another group."""
    if command.is_container or not command.categories.isdisjoint(_GROUPS.values()):
        return set()
    return {_GROUPS[command.group]} if command.group in _GROUPS else set()
