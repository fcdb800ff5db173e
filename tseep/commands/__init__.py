"""
The command functions: one module for each family. Importing this package binds them to the command table.

The arguments of a function are the session and the whole command; it returns a reply or raises L{CommandError
<tseep.errors.CommandError>}. It does not depend on the protocol.

Imports: commands.admin, commands.client, commands.data, registry.
"""

from tseep.commands.admin import (
    acl,
    cluster,
    command,
    config,
    debug,
    info,
    latency,
    memory,
    modules,
    persistence,
    replication,
    server,
    slowlog,
)
from tseep.commands.client import client, connection, functions, monitor, pubsub, scripting, tracking, transactions
from tseep.commands.data import (
    bits,
    dumping,
    geo,
    hashes,
    hyperloglog,
    keys,
    lists,
    sets,
    sort,
    sorted_set_algebra,
    sorted_set_ranges,
    sorted_sets,
    stream_groups,
    streams,
    strings,
)
from tseep.registry.table import COMMANDS, Command, check_functions

__all__ = [
    "COMMANDS",
    "Command",
    "acl",
    "bits",
    "client",
    "cluster",
    "command",
    "config",
    "connection",
    "debug",
    "dumping",
    "functions",
    "geo",
    "hashes",
    "hyperloglog",
    "info",
    "keys",
    "latency",
    "lists",
    "memory",
    "modules",
    "monitor",
    "persistence",
    "pubsub",
    "replication",
    "scripting",
    "server",
    "sets",
    "slowlog",
    "sort",
    "sorted_set_algebra",
    "sorted_set_ranges",
    "sorted_sets",
    "stream_groups",
    "streams",
    "strings",
    "tracking",
    "transactions",
]

check_functions(COMMANDS)
