"""The sizes at which Redis 7.0 converts values to another encoding, or begins another node (redis.conf)."""

from __future__ import annotations

from collections.abc import Mapping

MAX_NODE_BYTES = 2**30
"""Maximum bytes of a node, also with C{stream-node-max-bytes 0}."""


class NodeLimits:
    """
    The limits of a node, C{stream-node-max-bytes} and C{stream-node-max-entries}.

    They do not change: new limits are for new entries.

    @ivar bytes: maximum bytes of its listpack.
    @ivar entries: maximum number of entries, with those that were removed since; 0 for no limit.
    """

    __slots__ = ("bytes", "entries")

    def __init__(self, bytes: int = 4096, entries: int = 100) -> None:
        self.bytes = min(bytes or MAX_NODE_BYTES, MAX_NODE_BYTES)
        self.entries = entries


class EncodingLimits:
    """
    The limits of compact encodings. The attributes have the names and the units of Redis's parameters, but for
    C{stream_nodes}, which stands for two.

    A value is compared with them when it is created or grows, as in Redis: a change does not convert values that exist.
    """

    def __init__(self) -> None:
        self.hash_max_listpack_entries = 512
        self.hash_max_listpack_value = 64
        self.list_compress_depth = 0
        self.list_max_listpack_size = -2
        self.set_max_intset_entries = 512
        self.zset_max_listpack_entries = 128
        self.zset_max_listpack_value = 64
        self.stream_nodes = NodeLimits()

    def apply(self, config: Mapping[str, int]) -> None:
        """Take the parameters of a configuration, which has them all."""
        for name in vars(self).keys() - {"stream_nodes"}:
            setattr(self, name, config[name.replace("_", "-")])
        self.stream_nodes = NodeLimits(config["stream-node-max-bytes"], config["stream-node-max-entries"])


LIMITS = EncodingLimits()
"""
The limits of all values in the process: those of the server whose configuration was applied last. With limits of each
server, a value would need a reference to its server, or commands would pass the limits with each element.
"""
