"""
Writes docs/commands.md: each command of Redis 7.0, and what tseep has of it, read from the command table.

    python docs/commands.py

The commands of Redis are in docs/redis-7.0.txt, as C{COMMAND DOCS} of redis-server 7.0.15 names them; a test compares.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from tseep.commands import COMMANDS
from tseep.registry.table import iter_commands

HERE = Path(__file__).resolve().parent

_ALONE = "a server without replicas"

ABSENT = {
    **dict.fromkeys(["failover", "migrate", "psync", "replconf", "replicaof", "slaveof", "sync"], _ALONE),
    "asking": "no cluster",
    "cluster": "no cluster",
    "lolwut": "no art",
    "module": "no modules",
    "readonly": "no cluster",
    "readwrite": "no cluster",
    "restore-asking": "no cluster",
}
"""Why a command is not there; a container stands for all of its subcommands."""

DIFFERENT = {
    "acl dryrun": "tells, too, where the BY or the GET of a SORT would be denied",
    "acl getuser": "rules of commands in the order in which they were given, as Redis 7.2 has them",
    "acl list": "rules of commands in the order in which they were given, as Redis 7.2 has them",
    "config set": "the parameters that tseep has",
    "dump": "of the forms that Redis has for a value, the plain one",
    "debug": "ERROR, OBJECT, PROTOCOL, SET-ACTIVE-EXPIRE and SLEEP; the others look into Redis itself",
    "fcall": "see eval",
    "eval": "errors raised by Lua's own functions in a return statement lack their place; no debugger",
    "info": "the sections and fields that have a meaning here",
    "latency histogram": "the ends of buckets are powers of two, of which Redis's are a little above",
    "memory usage": "an estimate of what Python's objects take",
    "object encoding": "what Redis would choose for the value as it is now, without its history",
    "randomkey": "O(N) steps of a few nanoseconds",
    "scan": "a step takes at least a thousandth of a large database",
    "script debug": "YES and SYNC are refused: there is no debugger",
    "wait": "answers 0 at once: there are no replicas",
    "xinfo stream": "the nodes of the radix tree are counted as chunks",
}
"""What is different in a command that is there."""

EVERYWHERE = [
    "While data are loaded at the start nobody is answered: clients connect, wait, and are served when all is there. "
    "redis-server tells them `LOADING`.",
    "A rule that lets users give a command one first argument alone (`+get|word`) takes no spaces in it. redis-server "
    "takes them, and cannot read its aclfile again.",
    "The keys that permissions and COMMAND GETKEYS know of an XREADGROUP, an XREAD or a GEORADIUS are those that it "
    "uses, also where a group or a consumer is called `streams`, or STORE comes twice. redis-server looks for the "
    "first such word.",
]
"""What is different, or might be thought to be, of no command in particular."""


def redis_commands() -> list[tuple[str, str]]:
    """Group and name of each command and subcommand of Redis 7.0."""
    lines = (HERE / "redis-7.0.txt").read_text().splitlines()
    return [(group, name) for group, _, name in (line.partition(" ") for line in sorted(lines))]


def own_commands() -> list[str]:
    """The names of the commands and subcommands that tseep has."""
    found = [command for command in iter_commands(COMMANDS) if command.run is not None]
    return [command.name.decode().replace("|", " ") for command in found]


def row(name: str, own: list[str]) -> str:
    """The line of a command."""
    shown = name.upper()
    if name in own:
        return f"| {shown} | {'in part' if name in DIFFERENT else 'yes'} | {DIFFERENT.get(name, '')} |"
    reason = ABSENT.get(name) or ABSENT[name.split()[0]]
    return f"| {shown} | no | {reason} |"


def text() -> str:
    """The whole page."""
    own = own_commands()
    commands = redis_commands()
    names = [name for _, name in commands]
    lines = [
        "# Redis 7.0's commands in tseep",
        "",
        f"{sum(name in own for name in names)} of the {len(names)} commands and subcommands of Redis 7.0 are there. "
        "A [differential test](../tests/differential/test_differential.py) compares them with redis-server 7.0.15, "
        "argument by argument and reply by reply. Written by `python docs/commands.py`.",
        "",
        "What is different wherever it comes up:",
        "",
        *[f"- {line}" for line in EVERYWHERE],
    ]
    for group, members in groupby(commands, key=lambda pair: pair[0]):
        lines += ["", f"## {group}", "", "| command | there | difference |", "|---|---|---|"]
        lines += [row(name, own) for _, name in members]
    more = sorted(name for name in set(own) - set(names) if not any(each.startswith(name + " ") for each in names))
    lines += ["", f"Of later versions, since today's clients ask for them: {', '.join(map(str.upper, more))}.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    (HERE / "commands.md").write_text(text())
