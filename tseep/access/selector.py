"""
One set of permissions: the commands, keys and channels that the rules of ACL SETUSER allow. Source:
https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/, redis/src/acl.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from tseep.algorithms.glob import Match, matcher
from tseep.errors import AclRuleError
from tseep.registry.categories import CATEGORIES, categories_of
from tseep.registry.table import Command, iter_commands

READ, WRITE = 1, 2

_BY_LETTER = {"R": READ, "W": WRITE}

_SIGNS = {READ: "%R~", WRITE: "%W~", READ | WRITE: "~"}

_CHANGING_FLAGS = {"insert", "delete", "update"}

UNKNOWN = "Unknown command or category name in ACL"

SYNTAX = "Syntax error"

AFTER_ALL_KEYS = (
    "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try "
    "'resetkeys' to start with an empty list of patterns"
)

AFTER_ALL_CHANNELS = (
    "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try "
    "'resetchannels' to start with an empty list of channels"
)

FIRST_ARGUMENT = "Allowing first-arg of a subcommand is not supported"

COMMAND, KEY, CHANNEL = "command", "key", "channel"
"""What a user may have no permission for."""

_CHANNEL_COMMANDS = frozenset({b"publish", b"spublish", b"subscribe", b"ssubscribe", b"psubscribe"})


class Denied(NamedTuple):
    """
    Why a user may not do something.

    @ivar reason: L{COMMAND}, L{KEY} or L{CHANNEL}.
    @ivar place: where in the command the key or the channel is; C{what}: which one, or the command's name.
    """

    reason: str
    place: int
    what: bytes

    @property
    def specificity(self) -> tuple[int, int]:
        """How near it came to be allowed, by which the reason that is told is chosen among several."""
        return (COMMAND, KEY, CHANNEL).index(self.reason), self.place


class Selector:
    """
    A set of permissions: commands, keys and channels.

    @param commands: every command of the server, by name.
    """

    def __init__(self, commands: dict[bytes, Command], all_channels: bool) -> None:
        self._commands = commands
        self.everything = False  # what rules take away from, or add to
        self.rules: list[str] = []
        self.allowed: set[bytes] = set()
        self.first_arguments: dict[bytes, set[bytes]] = {}
        self.all_keys = False
        self.patterns: dict[str, int] = {}
        self.all_channels = all_channels
        self.channels: list[str] = []

    def copy(self) -> Selector:
        """Another one with the same permissions."""
        other = Selector(self._commands, self.all_channels)
        other.everything, other.rules, other.allowed = self.everything, self.rules[:], set(self.allowed)
        other.first_arguments = {name: set(words) for name, words in self.first_arguments.items()}
        other.all_keys, other.patterns, other.channels = self.all_keys, dict(self.patterns), self.channels[:]
        return other

    @property
    def restricted(self) -> bool:
        """Whether there is anything that it does not allow."""
        return bool(self.rules) or not (self.everything and self.all_keys and self.all_channels)

    # Rules

    def set(self, rule: str) -> None:
        """
        Apply a rule.

        @raise BadRule: if it is none.
        """
        word = rule.lower()
        if word in ("allkeys", "~*"):
            self.all_keys, self.patterns = True, {}
        elif word == "resetkeys":
            self.all_keys, self.patterns = False, {}
        elif word in ("allchannels", "&*"):
            self.all_channels, self.channels = True, []
        elif word == "resetchannels":
            self.all_channels, self.channels = False, []
        elif word in ("allcommands", "+@all"):
            self._set_all(True)
        elif word in ("nocommands", "-@all"):
            self._set_all(False)
        elif rule[:1] in ("~", "%"):
            self._add_pattern(rule)
        elif rule[:1] == "&":
            self._add_channel(rule[1:])
        elif rule[:1] in ("+", "-"):
            self._change_commands(word[0] == "+", word[1:])
        else:
            raise AclRuleError(SYNTAX)

    def _set_all(self, allowed: bool) -> None:
        self.everything, self.rules, self.first_arguments = allowed, [], {}
        self.allowed = {command.name for command in iter_commands(self._commands)} if allowed else set()

    def _add_pattern(self, rule: str) -> None:
        if self.all_keys:
            raise AclRuleError(AFTER_ALL_KEYS)
        letters, tilde, pattern = rule.partition("~")
        kinds = [_BY_LETTER.get(letter.upper()) for letter in letters[1:]] if letters else [READ, WRITE]
        if not tilde or not kinds or None in kinds or len(set(kinds)) < len(kinds) or not is_plain(pattern):
            raise AclRuleError(SYNTAX)
        for kind in kinds:
            self.patterns[pattern] = self.patterns.get(pattern, 0) | (kind or 0)

    def _add_channel(self, pattern: str) -> None:
        if self.all_channels:
            raise AclRuleError(AFTER_ALL_CHANNELS)
        if not is_plain(pattern):
            raise AclRuleError(SYNTAX)
        if pattern not in self.channels:
            self.channels.append(pattern)

    def _change_commands(self, allow: bool, name: str) -> None:
        if name.startswith("@"):
            self._change_category(allow, name)
            return
        chosen = self._find(name)
        if chosen is not None:
            for command in (chosen, *chosen.subcommands.values()):
                self._change(allow, command.name)
        elif allow and "|" in name:
            self._allow_first_argument(name)
        else:
            raise AclRuleError(UNKNOWN)
        self._note(allow, name)

    def _find(self, name: str) -> Command | None:
        first, bar, second = name.encode("utf-8", "surrogateescape").partition(b"|")
        command = self._commands.get(first)
        return command.subcommands.get(second) if command is not None and bar else command

    def _change(self, allow: bool, name: bytes) -> None:
        (self.allowed.add if allow else self.allowed.discard)(name)
        self.first_arguments.pop(name, None)

    def _change_category(self, allow: bool, name: str) -> None:
        if name[1:] not in CATEGORIES:
            raise AclRuleError(UNKNOWN)
        for command in iter_commands(self._commands):
            if name[1:] in categories_of(command):
                self._change(allow, command.name)
        self._note(allow, name)

    def _allow_first_argument(self, name: str) -> None:
        whole, _, word = name.rpartition("|")
        command = self._find(whole)
        if command is None:
            raise AclRuleError(UNKNOWN)
        if "|" in whole:
            raise AclRuleError(FIRST_ARGUMENT)
        if not word or not is_plain(word):  # what Redis takes, and cannot read again from an aclfile
            raise AclRuleError(SYNTAX)
        if command.subcommands:
            raise AclRuleError(UNKNOWN)
        words = self.first_arguments.setdefault(command.name, set())
        words.add(word.encode("utf-8", "surrogateescape"))

    def _note(self, allow: bool, name: str) -> None:
        """Remember a rule; those before it that it says again, or whose subcommands it names, say nothing more."""
        self.rules = [rule for rule in self.rules if rule[1:] != name and not rule[1:].startswith(name + "|")]
        self.rules.append(("+" if allow else "-") + name)

    # Asking

    def check(self, command: Command, argv: list[bytes]) -> Denied | None:
        """Why a command may not be run; None if it may."""
        if command.name not in self.allowed and "no_auth" not in command.flags:
            words = self.first_arguments.get(command.name)
            if words is None or len(argv) < 2 or argv[1].lower() not in words:
                return Denied(COMMAND, 0, command.name)
        if not command.takes(len(argv)):  # a script may ask about less than a whole command, which has no keys
            return None
        return self._check_keys(command, argv) or self._check_channels(command, argv)

    def _check_keys(self, command: Command, argv: list[bytes]) -> Denied | None:
        if self.all_keys:
            return None
        for place, needed in _keys_of(command, argv):
            if not self.may_use(argv[place], needed):
                return Denied(KEY, place, argv[place])
        return None

    def may_use(self, key: bytes, needed: int) -> bool:
        """Whether a key may be used for reading, writing or both."""
        return self.all_keys or any(
            kinds & needed == needed and _matches(pattern, key) for pattern, kinds in self.patterns.items()
        )

    @property
    def reads_all(self) -> bool:
        """Whether every key may be read."""
        return self.all_keys or bool(self.patterns.get("*", 0) & READ)

    def _check_channels(self, command: Command, argv: list[bytes]) -> Denied | None:
        if self.all_channels or command.name not in _CHANNEL_COMMANDS:
            return None
        places = range(1, 2 if command.name.endswith(b"publish") else len(argv))
        for place in places:
            if not self.may_hear(argv[place], command.name == b"psubscribe"):
                return Denied(CHANNEL, place, argv[place])
        return None

    def may_hear(self, channel: bytes, is_pattern: bool) -> bool:
        """Whether a channel may be used; a pattern only if it is allowed as it stands."""
        if self.all_channels:
            return True
        if is_pattern:
            return channel.decode("utf-8", "surrogateescape") in self.channels
        return any(_matches(pattern, channel) for pattern in self.channels)

    # Showing

    @property
    def shown_commands(self) -> str:
        """The rules of commands."""
        return " ".join(["+@all" if self.everything else "-@all", *self.rules])

    @property
    def shown_keys(self) -> str:
        """The patterns of keys."""
        return "~*" if self.all_keys else " ".join([_SIGNS[kinds] + name for name, kinds in self.patterns.items()])

    @property
    def shown_channels(self) -> str:
        """The patterns of channels."""
        return "&*" if self.all_channels else " ".join(["&" + name for name in self.channels])

    def show(self) -> str:
        """All of it, as rules that make the same."""
        reset = "" if self.all_channels else "resetchannels"
        return " ".join(filter(None, [self.shown_keys, reset, self.shown_channels, self.shown_commands]))


def _keys_of(command: Command, argv: list[bytes]) -> Iterator[tuple[int, int]]:
    """The places of a command's keys, and what each is used for."""
    for place, flags in command.uses_of_keys(argv):
        if "not_key" not in flags:
            yield place, (READ if "access" in flags else 0) | (0 if _CHANGING_FLAGS.isdisjoint(flags) else WRITE)


def is_plain(pattern: str) -> bool:
    return not set(pattern) & set(" \t\n\v\f\r\0")


@lru_cache(maxsize=4096)
def _matcher_of(pattern: str) -> Match:
    """What matches a pattern, which is made once and not for every command."""
    return matcher(pattern.encode("utf-8", "surrogateescape"))


def _matches(pattern: str, text: bytes) -> bool:
    return bool(_matcher_of(pattern)(text))
