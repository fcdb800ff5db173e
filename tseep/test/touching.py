"""
tseep with a check of key specifications: a command that accesses a key which its key finder does not name, or not
for that use, returns an error. Run C{python -m tseep.test.touching} in place of C{python -m tseep}.

ACL rules, client-side caching and COMMAND GETKEYS use the keys that the key finder names; any other key that a
command accesses would bypass the ACL.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from tseep.__main__ import main
from tseep.coordination.blocking import Blocking, Wait
from tseep.errors import CommandError
from tseep.keyspace.database import Database
from tseep.registry.table import Command
from tseep.replies import Reply

TOUCHED = "TOUCHED"
"""The error's code."""

READ, LOOK, WRITE = "read", "look", "write"
"""Uses of a key: its value is read; only its existence or type is examined; it is changed."""

METHODS = {
    "read": READ, "read_untouched": LOOK, "get": LOOK, "peek": LOOK, "set": WRITE, "replace": WRITE, "changed": WRITE,
    "shrunk": WRITE, "delete": WRITE, "expire_at": WRITE, "persist": WRITE,
}  # fmt: skip
"""The use that each method of a L{Database} makes of its key."""

WALKS = frozenset(b"keys scan randomkey flushall flushdb debug memory|usage".split())
"""Commands of the whole keyspace, which name no key, and MEMORY USAGE, whose key Redis does not count as used."""

GIVES = frozenset({b"xreadgroup"})
"""Commands that Redis allows with read permission, though they change a consumer group's pending entries."""

_CHANGING = {"insert", "delete", "update"}


class Call(NamedTuple):
    command: Command
    argv: list[bytes]
    faults: list[str]

    def note(self, key: bytes, use: str) -> None:
        """Record the use of a key as a fault unless the command names the key for it."""
        named = [flags for place, flags in self.command.uses_of_keys(self.argv) if self.argv[place] == key]
        if self.command.name not in WALKS and not self._may(named, use):
            self.faults.append(f"{use} {key!r}")

    def _may(self, named: list[Any], use: str) -> bool:
        if use != WRITE and self.command.reads_any_key is not None and self.command.reads_any_key(self.argv):
            return True
        if use == WRITE and self.command.name not in GIVES:
            return any(flags[0] in ("RW", "OW", "RM") and _CHANGING & set(flags) for flags in named)
        return any(use == LOOK or flags[0] in ("RO", "RW") for flags in named)

    def check(self) -> None:
        """
        Compare the used keys with those named.

        @raise CommandError: if the command has used others.
        """
        if self.faults:
            raise CommandError(f"{TOUCHED} {self.command.name!r} {self.argv!r}: {', '.join(self.faults)}")


_running: list[Call] = []


def _watched(command: Command, run: Callable[[Any, list[bytes]], Reply]) -> Callable[[Any, list[bytes]], Reply]:
    def watched(session: Any, argv: list[bytes]) -> Reply:
        return _during(Call(command, list(argv), []), lambda: run(session, argv))

    return watched


def _during(call: Call, run: Callable[[], Reply]) -> Reply:
    _running.append(call)
    try:
        return run()
    finally:
        _running.pop()
        call.check()


def _watch_commands() -> None:
    copy_for_server = Command.copy_for_server

    def watched(self: Command) -> Command:
        command = copy_for_server(self)
        if command.run is not None:
            command.run = _watched(command, command.run)
        return command

    Command.copy_for_server = watched


def _watch(name: str, use: str) -> None:
    method = getattr(Database, name)

    def watched(self: Database, key: bytes, *rest: Any, **named: Any) -> Any:
        if _running:
            _running[-1].note(key, use)
        return method(self, key, *rest, **named)

    setattr(Database, name, watched)


def _watch_waiting() -> None:
    """Attribute to a blocked command what it does when it is served."""
    add = Blocking.add

    def watched(self: Blocking, wait: Wait, *rest: Any) -> None:
        call, serve = _running[-1], wait.try_serve
        wait.try_serve = lambda key: _during(call, lambda: serve(key))
        add(self, wait, *rest)

    Blocking.add = watched  # type: ignore[assignment]


def _watch_set_all() -> None:
    """Replace C{set_all} (MSET) by one L{Database.set} per key, which is watched."""

    def set_all(self: Database, keys: list[bytes], values: list[Any]) -> None:
        for key, value in zip(keys, values):
            self.set(key, value)

    Database.set_all = set_all


def watch() -> None:
    """Watch the commands of every server created after this call."""
    for name, use in METHODS.items():
        _watch(name, use)
    _watch_set_all()
    _watch_commands()
    _watch_waiting()


if __name__ == "__main__":
    watch()
    main()
