"""The sizes from which Redis 7.0 converts values to another encoding (redis.conf, ADVANCED CONFIG)."""

from __future__ import annotations

from collections.abc import Mapping


class EncodingLimits:
    """
    The limits of compact encodings. The attributes have the names and the units of Redis's parameters.

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

    def apply(self, config: Mapping[str, int]) -> None:
        """Take the parameters of a configuration, which has them all."""
        for name in vars(self):
            setattr(self, name, config[name.replace("_", "-")])


LIMITS = EncodingLimits()
"""The limits of all values in the process: those of the server whose configuration was applied last."""
