"""Faults on demand: commands that fail, wait, or lose their connection; a server that loads its data."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Callable, NamedTuple

from tseep.coordination.pause import Pause, PausedCommand
from tseep.errors import CommandError

if TYPE_CHECKING:
    from tseep.coordination.blocking import Blocking
    from tseep.coordination.timers import Timers
    from tseep.registry.table import Command
    from tseep.session.session import Session

Later = Callable[[float, Callable[[], None]], None]
"""Calls a function after a number of real seconds, as L{IMode.call <tseep.interfaces.IMode.call>} does."""


class State(NamedTuple):
    """A state of the server: the functions that begin and end it."""

    begin: Callable[[], None]
    end: Callable[[], None]


class Rule:
    """
    What happens to the calls of a command. Of several rules with C{error} or C{drops} the first one applies.

    @param names: names of the command and its subcommands; None for each command.
    @param skip: number of calls that pass before.
    @param times: number of calls that it happens to; None for all.
    @param seconds: how long they wait.
    @param error: the error in place of their execution.
    @param drops: whether their connection is closed in place of their execution.
    """

    def __init__(
        self,
        names: frozenset[bytes] | None = None,
        skip: int = 0,
        times: int | None = None,
        seconds: float = 0,
        error: str = "",
        drops: bool = False,
    ) -> None:
        self._names = names
        self._skip = skip
        self._times = times
        self.seconds = seconds
        self.error = error
        self.drops = drops

    def takes(self, command: Command) -> bool:
        """Count a call of a command. Return whether the rule applies to it."""
        if self._times == 0 or not (self._names is None or command.name in self._names):
            return False
        if self._skip:
            self._skip -= 1
            return False
        if self._times is not None:
            self._times -= 1
        return True


class Held(PausedCommand):
    """
    A command that waits.

    @ivar numbers: the faults that it waits for. C{rule}: what happens to it then; None if it is executed.
    """

    __slots__ = ("numbers", "rule")

    def __init__(self, session: Session, argv: list[bytes], numbers: set[int], rule: Rule | None) -> None:
        super().__init__(session, argv)
        self.numbers = numbers
        self.rule = rule


class Faults(Pause):
    """
    The rules of one server, applied where CLIENT PAUSE suspends commands: after permissions were checked, before a
    command is queued or executed. In scripts only errors apply.

    @param changed: as L{Pause}'s.
    @param later: calls a function after a number of real seconds: faults do not follow the server's clock.
    @param note: records a command that is not executed.
    @ivar waiting: the commands that wait.
    """

    def __init__(
        self,
        timers: Timers,
        blocking: Blocking,
        changed: Callable[[], None],
        later: Later,
        note: Callable[[Session, list[bytes]], None],
    ) -> None:
        super().__init__(timers, blocking, changed)
        self._later = later
        self._note = note
        self._rules: dict[int, Rule] = {}
        self._states: dict[int, State] = {}
        self.waiting: set[Held] = set()
        self._released: dict[Session, Held] = {}
        self._next: Held | None = None  # what hold is about to get
        self._numbers = count(1)

    def add(self, rule: Rule) -> int:
        """Begin to apply a rule. Return its number."""
        number = next(self._numbers)
        self._rules[number] = rule
        return number

    def enter(self, state: State, seconds: float | None = None) -> int:
        """
        Bring the server into a state, which ends with the last of its faults.

        @param seconds: how long; None: until L{undo}.
        @return: the number of the fault.
        """
        if state not in self._states.values():
            state.begin()
        number = next(self._numbers)
        self._states[number] = state
        if seconds is not None:
            self._later(seconds, lambda: self.undo(number))
        return number

    def undo(self, number: int) -> None:
        """End a fault; commands that wait for it alone go on. No effect if it has ended."""
        self._rules.pop(number, None)
        state = self._states.pop(number, None)
        if state is not None and state not in self._states.values():
            state.end()
        for held in list(self.waiting):
            held.numbers.discard(number)
            if not held.numbers:
                self._release(held)

    def clear(self) -> None:
        """End all faults."""
        for number in [*self._rules, *self._states]:
            self.undo(number)
        self._released.clear()

    # Pause

    def holds(self, session: Session, command: Command, argv: list[bytes]) -> bool:
        """
        Apply the rules, then CLIENT PAUSE.

        @return: True if L{hold} must be called.
        @raise CommandError: if the command fails.
        """
        released = self._released.pop(session, None)
        if released is not None and released.argv is argv:
            return self._apply(session, command, argv, released.rule) or super().holds(session, command, argv)
        delays = {number: rule.seconds for number, rule in self._rules.items() if rule.seconds and rule.takes(command)}
        end = next((rule for rule in self._rules.values() if not rule.seconds and rule.takes(command)), None)
        if delays:
            self._next = held = Held(session, argv, set(delays), end)
            self._later(max(delays.values()), lambda: self._release(held))
            return True
        return self._apply(session, command, argv, end) or super().holds(session, command, argv)

    def _apply(self, session: Session, command: Command, argv: list[bytes], rule: Rule | None) -> bool:
        """Apply what a rule does in place of executing a command. Return whether the connection is to be closed."""
        if rule is None:
            return False
        self._note(session, argv)
        if rule.drops:
            session.closing = True
            return True
        command.calls.rejected += 1
        raise _injected(rule.error)

    def hold(self, session: Session, argv: list[bytes]) -> None:
        held, self._next = self._next, None
        if held is not None:
            session.blocked = held
            self.waiting.add(held)
        elif not session.closing:
            super().hold(session, argv)

    def _release(self, held: Held) -> None:
        """Execute a command that has waited. No effect if that is done, or its client has disconnected."""
        self.waiting.discard(held)
        session = held.session
        if session.blocked is held:
            self._released[session] = held
            session.requeue(held.argv)
            self._blocking.release(held)

    def check(self, session: Session, command: Command, argv: list[bytes]) -> None:
        """
        Apply the rules to a command inside a script.

        @raise CommandError: if it fails.
        """
        for rule in list(self._rules.values()):
            if rule.error and rule.takes(command):
                raise _injected(rule.error)


def _injected(text: str) -> CommandError:
    """Return the error of a rule, which is EXEC's reply, too, if that is refused."""
    error = CommandError(text)
    error.whole = True
    return error
