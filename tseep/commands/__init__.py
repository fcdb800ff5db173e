"""The commands: a module per family, each registering its functions in the one table."""

from . import (
    bits,
    client,
    command,
    config,
    connection,
    debug,
    info,
    keys,
    latency,
    memory,
    server,
    slowlog,
    strings,
)
from .table import COMMANDS, Command

__all__ = [
    "COMMANDS",
    "Command",
    "bits",
    "client",
    "command",
    "config",
    "connection",
    "debug",
    "info",
    "keys",
    "latency",
    "memory",
    "server",
    "slowlog",
    "strings",
]
