"""The command table of one server, and the subset for the sessions' fast path."""

from __future__ import annotations

from typing import Callable

from tseep.commands import COMMANDS
from tseep.commands.data.strings import write
from tseep.errors import CommandError, wrong_arguments
from tseep.registry.table import Command, Function, iter_commands

SLOW_PATH_FLAGS = frozenset({"admin", "no_auth", "noscript", "blocking"})
"""Flags of commands that can change the state of a client, block it, or close it: they take the slow path."""


class CommandTable:
    """
    The commands of one server.

    @param wrap: returns the function to call in place of a command's own, according to the current configuration.
    @ivar commands: every command by its name in lower case, with this server's counters.
    @ivar native_commands: the two commands of the native protocol, by its names for them.
    @ivar dispatch: the commands of the fast path by name, in lower and in upper case: those without subcommands and
        without L{SLOW_PATH_FLAGS}. Empty while every command must take the slow path, C{Session._dispatch_slow}.
        C{native_dispatch}: the same for the native protocol.
    """

    def __init__(self, wrap: Callable[[Command, Function], Function]) -> None:
        self.commands = {name: command.copy_for_server() for name, command in COMMANDS.items()}
        self.native_commands = {b"GET": self.commands[b"get"], b"SET": self.commands[b"set"].running(write)}
        self.dispatch: dict[bytes, Command] = {}
        self.native_dispatch: dict[bytes, Command] = {}
        self._wrap = wrap
        self._functions = {
            command: command.run for command in [*iter_commands(self.commands), *self.native_commands.values()]
        }

    def open(self) -> None:
        """Fill the dispatch tables: commands take the fast path."""
        self.close()
        self.native_dispatch.update(self.native_commands)
        for name, command in self.commands.items():
            if command.run is not None and not command.subcommands and command.flags.isdisjoint(SLOW_PATH_FLAGS):
                self.dispatch[name] = self.dispatch[name.upper()] = command

    def close(self) -> None:
        """Empty the dispatch tables: every command takes the slow path."""
        self.dispatch.clear()
        self.native_dispatch.clear()

    def rewrap(self) -> None:
        """Wrap all functions again. Call it when recording or the memory limit is turned on or off."""
        for command, run in self._functions.items():
            if run is not None:
                command.run = self._wrap(command, run)

    @property
    def calls(self) -> int:
        """Return the number of executed calls of all commands."""
        return sum([command.calls.count for command in iter_commands(self.commands)])

    def find(self, argv: list[bytes]) -> Command | None:
        """Return the command or subcommand that C{argv} names; None if it is unknown."""
        command = self.commands.get(argv[0].lower())
        if command is not None and command.subcommands and len(argv) > 1:
            return command.subcommands.get(argv[1].lower())
        return command

    def lookup(self, argv: list[bytes]) -> Command:
        """
        Return the command or subcommand that a client calls by C{argv}.

        @raise CommandError: if it is unknown, or if the number of arguments is wrong.
        """
        command = self.find(argv)
        if command is None:
            raise self._unknown(argv)
        if command.run is None or not command.takes(len(argv)):
            command.calls.rejected += 1
            raise wrong_arguments(command.name)
        return command

    def _unknown(self, argv: list[bytes]) -> CommandError:
        container = self.commands.get(argv[0].lower())
        if container is None:
            return _unknown_command(argv)
        text = b"ERR unknown subcommand '%b'. Try %b HELP."
        return CommandError(text % (_as_shown(argv[1]), container.name.upper()))


def _unknown_command(argv: list[bytes]) -> CommandError:
    """Return Redis's error: the name and the arguments, each cut near 128 bytes (redis/src/server.c, rejectCommand)."""
    shown = b""
    for argument in argv[1:]:
        if len(shown) >= 128:
            break
        shown += b"'%b' " % _as_shown(argument)[: 128 - len(shown)]
    text = b"ERR unknown command '%b', with args beginning with: %b"
    return CommandError(text % (_as_shown(argv[0]), shown))


def _as_shown(word: bytes) -> bytes:
    """Return a word as Redis shows it in an error: at most 128 bytes, up to a NUL, which ends a C string."""
    return word[:128].partition(b"\0")[0]
