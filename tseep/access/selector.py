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
"""The kinds of permissions, in the order in which they are checked."""

_CHANNEL_COMMANDS = frozenset({b"publish", b"spublish", b"subscribe", b"ssubscribe", b"psubscribe"})


class Denied(NamedTuple):
    """
    A missing permission.

    @ivar reason: L{COMMAND}, L{KEY} or L{CHANNEL}.
    @ivar place: index of the key or channel in the command's arguments; 0 for a command.
    @ivar what: the key, the channel, or the command's name.
    """

    reason: str
    place: int
    what: bytes

    @property
    def specificity(self) -> tuple[int, int]:
        """Sort key: how late in the checks it was found. The highest of a user's selectors is reported."""
        return (COMMAND, KEY, CHANNEL).index(self.reason), self.place


class Selector:
    """
    A set of permissions for commands, keys and channels.

    @param commands: all commands of the server, by name.
    @param all_channels: True if all channels are allowed at first.
    """

    def __init__(self, commands: dict[bytes, Command], all_channels: bool) -> None:
        self._commands = commands
        self.everything = False  # +@all or -@all, to which the rules apply
        self.rules: list[str] = []
        self.allowed: set[bytes] = set()
        self.first_arguments: dict[bytes, set[bytes]] = {}
        self.all_keys = False
        self.patterns: dict[str, int] = {}
        self.all_channels = all_channels
        self.channels: list[str] = []

    def copy(self) -> Selector:
        other = Selector(self._commands, self.all_channels)
        other.everything, other.rules, other.allowed = self.everything, self.rules[:], set(self.allowed)
        other.first_arguments = {name: set(words) for name, words in self.first_arguments.items()}
        other.all_keys, other.patterns, other.channels = self.all_keys, dict(self.patterns), self.channels[:]
        return other

    @property
    def restricted(self) -> bool:
        """True unless it allows all commands, keys and channels."""
        if not (self.everything and self.all_keys and self.all_channels):
            return True
        return any(command.name not in self.allowed for command in iter_commands(self._commands))

    # Rules

    def set(self, rule: str) -> None:
        """
        Apply a rule of ACL SETUSER.

        @raise AclRuleError: if it is invalid.
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
            self._note(word)
        else:
            raise AclRuleError(SYNTAX)

    def _set_all(self, allowed: bool) -> None:
        self.everything, self.rules, self.first_arguments = allowed, [], {}
        self.allowed = {command.name for command in iter_commands(self._commands)} if allowed else set()

    def _add_pattern(self, rule: str) -> None:
        if self.all_keys:
            raise AclRuleError(AFTER_ALL_KEYS)
        letters, _, pattern = rule.partition("~")
        kinds = [_BY_LETTER.get(letter.upper()) for letter in letters[1:]] if letters else [READ, WRITE]
        if not kinds or None in kinds or len(set(kinds)) < len(kinds) or not is_plain(pattern):
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

    def _allow_first_argument(self, name: str) -> None:
        whole, _, word = name.rpartition("|")
        command = self._find(whole)
        if command is None:
            raise AclRuleError(UNKNOWN)
        if "|" in whole:
            raise AclRuleError(FIRST_ARGUMENT)
        if not word or not is_plain(word):  # Redis accepts it, but cannot read it back from an aclfile
            raise AclRuleError(SYNTAX)
        if command.subcommands:
            raise AclRuleError(UNKNOWN)
        words = self.first_arguments.setdefault(command.name, set())
        words.add(word.encode("utf-8", "surrogateescape"))

    def _note(self, word: str) -> None:
        """Append a rule, and drop the earlier ones that it overrides: for the same name or for its subcommands."""
        name = word[1:]
        self.rules = [rule for rule in self.rules if rule[1:] != name and not rule[1:].startswith(name + "|")]
        self.rules.append(word)

    def _effective_rules(self) -> list[str]:
        """The rules that change the permissions, if all are applied in order."""
        replay = Selector(self._commands, False)
        replay._set_all(self.everything)
        effective = []
        for rule in self.rules:
            allowed, words = set(replay.allowed), {name: set(each) for name, each in replay.first_arguments.items()}
            replay._change_commands(rule[0] == "+", rule[1:])
            if (allowed, words) != (replay.allowed, replay.first_arguments):
                effective.append(rule)
        return effective

    # Checks

    def check(self, command: Command, argv: list[bytes]) -> Denied | None:
        """Return the missing permission for a call with these arguments, or None if it is allowed."""
        if command.name not in self.allowed and "no_auth" not in command.flags:
            words = self.first_arguments.get(command.name)
            if words is None or len(argv) < 2 or argv[1].lower() not in words:
                return Denied(COMMAND, 0, command.name)
        if not command.takes(len(argv)):  # redis.acl_check_cmd of an incomplete command: there are no keys to check
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
        """True if a key may be accessed in the C{needed} way: L{READ}, L{WRITE} or both."""
        return self.all_keys or any(
            kinds & needed == needed and _matches(pattern, key) for pattern, kinds in self.patterns.items()
        )

    @property
    def reads_all(self) -> bool:
        """True if it allows to read every key."""
        return self.all_keys or bool(self.patterns.get("*", 0) & READ)

    def _check_channels(self, command: Command, argv: list[bytes]) -> Denied | None:
        if self.all_channels or command.name not in _CHANNEL_COMMANDS:
            return None
        places = range(1, 2 if command.name.endswith(b"publish") else len(argv))
        for place in places:
            if not self.may_subscribe(argv[place], command.name == b"psubscribe"):
                return Denied(CHANNEL, place, argv[place])
        return None

    def may_subscribe(self, channel: bytes, is_pattern: bool) -> bool:
        """True if a channel is allowed. A pattern must be equal to one of the allowed patterns."""
        if self.all_channels:
            return True
        if is_pattern:
            return channel.decode("utf-8", "surrogateescape") in self.channels
        return any(_matches(pattern, channel) for pattern in self.channels)

    # ACL GETUSER and ACL LIST

    @property
    def shown_commands(self) -> str:
        return " ".join(["+@all" if self.everything else "-@all", *self._effective_rules()])

    @property
    def shown_keys(self) -> str:
        return "~*" if self.all_keys else " ".join([_SIGNS[kinds] + name for name, kinds in self.patterns.items()])

    @property
    def shown_channels(self) -> str:
        return "&*" if self.all_channels else " ".join(["&" + name for name in self.channels])

    def show(self) -> str:
        """Rules for ACL SETUSER that result in the same permissions."""
        reset = "" if self.all_channels else "resetchannels"
        return " ".join(filter(None, [self.shown_keys, reset, self.shown_channels, self.shown_commands]))


def _keys_of(command: Command, argv: list[bytes]) -> Iterator[tuple[int, int]]:
    """For each key of a command its index in the arguments, and the access that it needs (L{READ}, L{WRITE})."""
    for place, flags in command.uses_of_keys(argv):
        if "not_key" not in flags:
            yield place, (READ if "access" in flags else 0) | (0 if _CHANGING_FLAGS.isdisjoint(flags) else WRITE)


def is_plain(pattern: str) -> bool:
    return not set(pattern) & set(" \t\n\v\f\r\0")


@lru_cache(maxsize=4096)
def _matcher_of(pattern: str) -> Match:
    """The compiled pattern, cached because every command is checked against it."""
    return matcher(pattern.encode("utf-8", "surrogateescape"))


def _matches(pattern: str, text: bytes) -> bool:
    return bool(_matcher_of(pattern)(text))
