"""
tseep, but a command that touches a key which its key finder does not name, or not for that use, answers an error in
place of its reply: C{python -m tseep.test.touching} in place of C{python -m tseep}.

What is asked about a call by the access control list, by client-side caching and by COMMAND GETKEYS is what its key
finder names; so whatever else a command touches would be open to everybody.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from tseep.__main__ import main
from tseep.coordination.blocking import Blocking, Wait
from tseep.errors import CommandError
from tseep.keyspace.keyspace import Database
from tseep.registry.table import Command
from tseep.replies import Reply

TOUCHED = "TOUCHED"
"""The code of the error."""

READ, LOOK, WRITE = "read", "look", "write"
"""What a command does with a key: it reads the value; it only looks whether and what it is; it changes it."""

METHODS = {
    "read": READ, "look": LOOK, "get": LOOK, "peek": LOOK, "set": WRITE, "replace": WRITE, "changed": WRITE,
    "shrunk": WRITE, "delete": WRITE, "expire_at": WRITE, "persist": WRITE,
}  # fmt: skip
"""Of a database."""

WALKS = frozenset(b"keys scan randomkey flushall flushdb debug memory|usage".split())
"""Commands of the whole keyspace, which name no key, and the one whose key Redis does not count as used."""

GIVES = frozenset({b"xreadgroup"})
"""Commands that Redis lets whoever may read call, though they change who has been given what in a group."""

_CHANGING = {"insert", "delete", "update"}


class Call(NamedTuple):
    """A command that runs."""

    command: Command
    argv: list[bytes]
    faults: list[str]

    def note(self, key: bytes, use: str) -> None:
        """It touches a key."""
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
        Say what it has touched.

        @raise CommandError: if that is more than it names.
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
    """What a command that waits will do later is its own doing, too."""
    add = Blocking.add

    def watched(self: Blocking, wait: Wait, *rest: Any) -> None:
        call, serve = _running[-1], wait.serve
        wait.serve = lambda key: _during(call, lambda: serve(key))
        add(self, wait, *rest)

    Blocking.add = watched  # type: ignore[assignment]


def _watch_set_all() -> None:
    """MSET: for each key as L{Database.set}."""

    def set_all(self: Database, keys: list[bytes], values: list[Any]) -> None:
        for key, value in zip(keys, values):
            self.set(key, value)

    Database.set_all = set_all


def watch() -> None:
    """Let every server that is made from now on look at what its commands touch."""
    for name, use in METHODS.items():
        _watch(name, use)
    _watch_set_all()
    _watch_commands()
    _watch_waiting()


if __name__ == "__main__":
    watch()
    main()
