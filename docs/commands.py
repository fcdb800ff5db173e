"""
Generates docs/commands.md: each command of Redis 7.0, and how tseep implements it, from the command table.

L{generate} writes the page.

The commands of Redis are in docs/redis-7.0.txt, as C{COMMAND DOCS} of redis-server 7.0.15 names them; a test compares.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from tseep.registry.table import COMMANDS, iter_commands

HERE = Path(__file__).resolve().parent

_ALONE = "an error: no replication"
_NO_CLUSTER = "an error, as on a redis-server outside a cluster"
_NO_MODULES = "an error: no modules"

ABSENT = {
    **dict.fromkeys(["failover", "psync", "replconf", "sync"], _ALONE),
    **dict.fromkeys(["asking", "cluster", "readonly", "readwrite"], _NO_CLUSTER),
    **dict.fromkeys(["module load", "module loadex", "module unload"], _NO_MODULES),
    "migrate": "an error: no connections to other servers",
}
"""By command that always fails, why; a container stands for all of its subcommands."""

DIFFERENT = {
    "acl dryrun": "also reports a denied BY or GET of SORT",
    **dict.fromkeys(
        ["acl getuser", "acl list"],
        "the command rules that were set, without those that have no effect; Redis 7.0 derives others from the result",
    ),
    "config set": "tseep's parameters only",
    "dump": "always the plain encoding of a value; Redis has several",
    "debug": "without the subcommands about the allocator, the structures of Redis in C, replicas and the cluster; "
    "QUICKLIST-PACKED-THRESHOLD and REPLYBUFFER check their arguments and have no effect, as a list keeps elements of "
    "all sizes alike, and a client has no reply buffer",
    "fcall": "as EVAL",
    "eval": "no debugger",
    **dict.fromkeys(
        ["hrandfield", "srandmember", "zrandmember"], "a negative count is refused if the reply exceeds 64 MiB"
    ),
    "latency histogram": "bucket limits are powers of two; Redis's are slightly higher",
    "lolwut": "the version only, without a drawing",
    "memory usage": "an estimate of the size of the Python objects",
    "object encoding": "also int for a number that INCRBYFLOAT has made, for which Redis keeps the text",
    "randomkey": "O(N), a few nanoseconds per key",
    **dict.fromkeys(["replicaof", "slaveof"], "NO ONE only: no replication"),
    "scan": "a call scans at least a thousandth of a large database; a number that is no cursor ends the iteration",
    "wait": "always returns 0: no replicas",
    "xinfo stream": "radix-tree-nodes is the number of chunks",
}
"""By command, how tseep differs from Redis."""

EVERYWHERE = [
    "An ACL rule for a first argument (`+get|word`) cannot contain spaces. redis-server accepts spaces, and then "
    "cannot read its ACL file.",
    "Permission checks and COMMAND GETKEYS use the keys that XREADGROUP, XREAD and GEORADIUS access, also if a group "
    "or a consumer is named `streams`, or if STORE occurs twice. redis-server uses the first such word.",
]
"""Differences that concern several commands."""


def redis_commands() -> list[tuple[str, str]]:
    """Return group and name of each command and subcommand of Redis 7.0."""
    lines = (HERE / "redis-7.0.txt").read_text().splitlines()
    return [(group, name) for group, _, name in (line.partition(" ") for line in sorted(lines))]


def own_commands() -> list[str]:
    """Return the names of tseep's commands and subcommands."""
    found = [command for command in iter_commands(COMMANDS) if not command.is_container]
    return [command.name.decode().replace("|", " ") for command in found]


def absence(name: str) -> str:
    """Return why a command always fails; empty if it does not."""
    return ABSENT.get(name) or ABSENT.get(name.split()[0], "")


def row(name: str) -> str:
    """Return the table row of a command."""
    reason, difference = absence(name), DIFFERENT.get(name, "")
    implemented = "no" if reason else "in part" if difference else "yes"
    return f"| {name.upper()} | {implemented} | {reason or difference} |"


def page() -> str:
    """Return the page."""
    own = own_commands()
    commands = redis_commands()
    names = [name for _, name in commands]
    lines = [
        "# Commands",
        "",
        f"{sum(not absence(name) for name in names)} of the {len(names)} commands and subcommands of Redis 7.0 are "
        "implemented. A [differential test](compatibility.md#differential-test) sends generated calls of them to tseep "
        "and to redis-server 7.0.15 and compares the replies; commands that write files, change users or act on other "
        "clients have tests of their own. The others (no) are in COMMAND and in ACL rules, and always return an error.",
        "",
        "General differences:",
        "",
        *[f"- {line}" for line in EVERYWHERE],
    ]
    for group, members in groupby(commands, key=lambda pair: pair[0]):
        lines += ["", f"## {group}", "", "| command | implemented | difference |", "|---|---|---|"]
        lines += [row(name) for _, name in members]
    more = sorted(name for name in set(own) - set(names) if not any(each.startswith(name + " ") for each in names))
    lines += ["", f"Commands of later versions that current clients send: {', '.join(map(str.upper, more))}.", ""]
    return "\n".join(lines)
