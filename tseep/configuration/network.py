"""The parameters of the network: addresses, connections, and limits on requests and replies."""

from __future__ import annotations

from tseep.configuration.kinds import (
    LARGEST,
    TEXT,
    Kind,
    Parameter,
    memory,
    number,
    parse_addresses,
    parse_mode,
    parse_output_limits,
    parse_workers,
    show_output_limits,
)

NETWORK = "Network"

NETWORK_PARAMETERS = [
    Parameter("port", "6379", number(0, 65535), NETWORK, "TCP port of the addresses in --bind; 0: none."),
    Parameter(
        "bind",
        "127.0.0.1",
        Kind(parse_addresses, " ".join),
        NETWORK,
        "Addresses to listen on; * and ::*: all of IPv4 and IPv6. One after a minus may be missing.",
        words=True,
    ),
    Parameter("unixsocket", "", TEXT, NETWORK, "Path of a Unix socket to listen on.", fixed=True),
    Parameter(
        "unixsocketperm",
        "0",
        Kind(parse_mode, "{:o}".format),
        NETWORK,
        "Permissions of --unixsocket, octal; 0: those of 666.",
        fixed=True,
    ),
    Parameter(
        "tcp-backlog",
        "4096",
        number(0, 2**31 - 1),
        NETWORK,
        "Maximum number of connections that wait to be accepted. The kernel limits it to net.core.somaxconn.",
        fixed=True,
    ),
    Parameter("maxclients", "10000", number(1, 2**32 - 1), NETWORK, "Maximum number of connected clients."),
    Parameter(
        "workers",
        "auto",
        Kind(parse_workers),
        NETWORK,
        "Number of worker processes with --mode v3; auto: one per core, but one.",
        fixed=True,
        hidden=True,
    ),
    Parameter(
        "timeout",
        "0",
        number(0, 2**31 - 1),
        NETWORK,
        "Close a client that has been idle for this many seconds; 0: never.",
    ),
    Parameter(
        "tcp-keepalive",
        "300",
        number(0, 2**31 - 1),
        NETWORK,
        "TCP keepalive interval in seconds; 0: disabled. More than 32767 counts as 32767.",
    ),
    Parameter(
        "proto-max-bulk-len",
        "512mb",
        memory(2**20, LARGEST),
        NETWORK,
        "Maximum size of a string in a request, in bytes (units: kb, mb, gb).",
    ),
    Parameter(
        "client-query-buffer-limit",
        "1gb",
        memory(2**20, LARGEST),
        NETWORK,
        "Maximum size of an incomplete request, in bytes (units: kb, mb, gb). The client is closed beyond it.",
    ),
    Parameter(
        "client-output-buffer-limit",
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        Kind(parse_output_limits, show_output_limits),
        NETWORK,
        "Limits on unsent replies: class (normal, slave or pubsub), hard limit, soft limit, and seconds over the soft "
        "limit, for one class or more. 0: no limit.",
        words=True,
    ),
]
