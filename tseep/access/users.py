"""
Users, and what each may do
(https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/; redis/src/acl.c).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tseep.access.selector import Denied, Selector, is_plain
from tseep.errors import AclRuleError
from tseep.registry.table import Command
from tseep.system.filesystem import Disk

if TYPE_CHECKING:
    from tseep.session.session import Session

_LONGEST_HASH = 64

NO_SUCH_PASSWORD = "The password you are trying to remove from the user does not exist"
BAD_HASH = "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
BAD_NAME = "Usernames can't contain spaces or null characters"

UNCHANGED = "WARNING: ACL errors detected, no change to the previously active ACL rules was performed"


class User:
    """
    Somebody who may do something.

    @ivar enabled: whether one can authenticate as this user, C{nopass}: with any password.
    @ivar sanitize: what was said about the sanitizing of payloads, which are always looked at; None for nothing.
    @ivar hashes: of the passwords: SHA-256 in hexadecimal.
    @ivar selectors: the permissions, the first one the user's own.
    @ivar restricted: whether there is anything that may not be done.
    """

    def __init__(self, name: bytes, commands: dict[bytes, Command], all_channels: bool = False) -> None:
        self.name = name
        self._commands = commands
        self.reset(all_channels)

    def reset(self, all_channels: bool) -> None:
        """Become a user who may do nothing."""
        self.enabled = self.nopass = False
        self.sanitize: bool | None = None
        self.hashes: list[str] = []
        self.selectors = [Selector(self._commands, all_channels)]
        self.restricted = True

    def copy(self) -> User:
        """Another one of the same name, passwords and permissions."""
        other = User(self.name, self._commands)
        other.take(self)
        return other

    def take(self, other: User) -> None:
        """Become like another user."""
        self.enabled, self.nopass, self.sanitize = other.enabled, other.nopass, other.sanitize
        self.hashes, self.selectors = other.hashes[:], [selector.copy() for selector in other.selectors]
        self.restricted = all(selector.restricted for selector in self.selectors)

    def set(self, rule: str, all_channels: bool) -> None:
        """
        Apply a rule.

        @param all_channels: whether a user who is reset may use all channels.
        @raise BadRule: if it is none.
        """
        word = rule.lower()
        if not word:
            return
        if word in ("on", "off"):
            self.enabled = word == "on"
        elif word == "nopass":
            self.nopass, self.hashes = True, []
        elif word == "resetpass":
            self.nopass, self.hashes = False, []
        elif word in ("sanitize-payload", "skip-sanitize-payload"):
            self.sanitize = word == "sanitize-payload"
        elif word == "reset":
            self.reset(all_channels)
            self.sanitize = True  # which Redis shows of those who were reset
        elif word == "clearselectors":
            del self.selectors[1:]
        elif rule[:1] in (">", "#", "<", "!"):
            self._change_passwords(rule[0], rule[1:])
        elif rule[:1] == "(" and rule[-1:] == ")":
            self._add_selector(_words(rule[1:-1].encode("utf-8", "surrogateescape")))
        else:
            self.selectors[0].set(rule)

    def _change_passwords(self, sign: str, text: str) -> None:
        hashed = _hash(text.encode("utf-8", "surrogateescape")) if sign in "><" else text
        if sign in "#!" and not (len(text) == _LONGEST_HASH and set(text) <= set("0123456789abcdef")):
            raise AclRuleError(BAD_HASH)
        if sign in ">#":
            self.nopass = False
            self.hashes += [] if hashed in self.hashes else [hashed]
        elif hashed in self.hashes:
            self.hashes.remove(hashed)
        else:
            raise AclRuleError(NO_SUCH_PASSWORD)

    def _add_selector(self, rules: list[str]) -> None:
        selector = Selector(self._commands, False)
        for rule in rules:
            selector.set(rule)
        self.selectors.append(selector)

    def accepts(self, password: bytes) -> bool:
        """Whether one may authenticate with a password. Takes the same time for all that are wrong."""
        given = _hash(password)
        right = [hmac.compare_digest(given, known) for known in self.hashes]
        return self.enabled and (self.nopass or any(right))

    def check(self, command: Command, argv: list[bytes]) -> Denied | None:
        """Why the user may not run a command; None if that is allowed."""
        denials = []
        for selector in self.selectors:
            denied = selector.check(command, argv)
            if denied is None:
                return None
            denials.append(denied)
        return max(denials, key=lambda denied: denied.specificity)

    def forbidden_option(self, command: Command, argv: list[bytes]) -> bytes | None:
        """
        The option by which a command reads keys that it does not name, where the user may not read every key by the
        same selector that allows the command (redis/src/acl.c, ACLUserCheckCmdWithUnrestrictedPerms); None if there is
        none.
        """
        option = None if command.reads_any_key is None else command.reads_any_key(argv)
        if option is None or any(each.reads_all and each.check(command, argv) is None for each in self.selectors):
            return None
        return option

    def may_hear(self, channel: bytes, is_pattern: bool) -> bool:
        """Whether the user may hear a channel, or what matches a pattern."""
        return any(selector.may_hear(channel, is_pattern) for selector in self.selectors)

    @property
    def flags(self) -> list[str]:
        """What is to be said of the user, besides passwords and permissions."""
        sanitize = {None: [], True: ["sanitize-payload"], False: ["skip-sanitize-payload"]}[self.sanitize]
        return ["on" if self.enabled else "off", *(["nopass"] if self.nopass else []), *sanitize]

    def show(self) -> str:
        """The line of ACL LIST: rules that make the same user."""
        first, *others = [selector.show() for selector in self.selectors]
        words = [*self.flags, *["#" + hashed for hashed in self.hashes], first, *[f"({other})" for other in others]]
        return f"user {self.name.decode('utf-8', 'surrogateescape')} {' '.join(words)}"


def _with_selectors(rules: list[str]) -> list[str]:
    """The rules, with those of each selector as one."""
    found: list[str] = []
    started = ""
    for rule in rules:
        if started or (rule.startswith("(") and not rule.endswith(")")):
            started = f"{started} {rule}".strip()
            if rule.endswith(")"):
                found.append(started)
                started = ""
        else:
            found.append(rule)
    if started:
        first = started.partition(" ")[0]
        raise AclRuleError(f"Unmatched parenthesis in acl selector starting at '{first}'.")
    return found


def _words(text: bytes) -> list[str]:
    """The words of a selector, between ASCII's spaces."""
    return [word.decode("utf-8", "surrogateescape") for word in text.split()]


def _split(line: bytes) -> list[str]:
    """The words of a file's line. As in Redis one space ends each, since a user's name may be empty."""
    line = line.strip(b" \t\r\n")
    return line.decode("utf-8", "surrogateescape").split(" ") if line else []


def _hash(password: bytes) -> str:
    return hashlib.sha256(password).hexdigest()


class Users:
    """
    The users of one server.

    @param commands: all commands by name, in lower case.
    @param config: has C{acl-pubsub-default}.
    @param sessions: all clients, by id.
    @param disconnect: called for a client whose user is deleted.
    @ivar named: the users by name.
    @ivar default: the user of clients that have not authenticated.
    """

    def __init__(
        self,
        commands: dict[bytes, Command],
        config: Mapping[str, Any],
        sessions: Mapping[int, Session],
        disconnect: Callable[[Session], None],
    ) -> None:
        self._commands = commands
        self._config = config
        self._sessions = sessions
        self._disconnect = disconnect
        self._required = ""
        self.default = self.unrestricted()
        self.named: dict[bytes, User] = {b"default": self.default}

    def unrestricted(self) -> User:
        """A user with all permissions and no password, as the default user is at first."""
        user = User(b"default", self._commands)
        for rule in ("on", "nopass", "allkeys", "allchannels", "allcommands"):
            user.set(rule, True)
        user.restricted = False
        return user

    @property
    def open(self) -> bool:
        """Whether a client need not authenticate."""
        return self.default.nopass and self.default.enabled

    def require(self, password: str) -> None:
        """Let the default user have this password, if it was another one before; an empty one lets everybody in."""
        if password != self._required:
            self._required = password
            self.default.set("resetpass", True)
            self.default.set(f">{password}" if password else "nopass", True)

    def find(self, name: bytes, password: bytes) -> User | None:
        """The user with a name, if the password is right."""
        user = self.named.get(name)
        return user if user is not None and user.accepts(password) else None

    def change(self, name: bytes, rules: list[str]) -> None:
        """
        Make a user, or change one: by all rules, or by none.

        @raise BadRule: if one of them is none; its C{args} are the reason and the rule.
        """
        known = self.named.get(name)
        self._take(self._changed(name, known, rules))

    def _changed(self, name: bytes, known: User | None, rules: list[str]) -> User:
        """A user, known or new, after some rules."""
        all_channels = self._config["acl-pubsub-default"] == "allchannels"
        changed = User(name, self._commands, all_channels) if known is None else known.copy()
        for rule in _with_selectors(rules):
            try:
                changed.set(rule, all_channels)
            except AclRuleError as error:
                raise AclRuleError(str(error), rule) from None
        return changed

    def _take(self, changed: User) -> None:
        """Let a user, known or new, be like this one; what the clients that are it may do follows."""
        user = self.named.setdefault(changed.name, changed)
        user.take(changed)
        for session in self._sessions_of(user):
            self._follow(session, user)

    def clear(self) -> None:
        """Forget all users but the default one, which is as at first."""
        for name in [name for name in self.named if name != b"default"]:
            self.delete(name, None)
        self._take(self.unrestricted())
        self._required = ""

    def load(self, path: Path) -> None:
        """
        Read all users from a file, in place of those that there are; clients of users that are not in it are closed.

        @raise BadRule: naming every line that is wrong, or why the file cannot be read; then nothing has changed.
        """
        try:
            lines = path.read_bytes().split(b"\n")
        except OSError as error:
            raise AclRuleError(f"{path}: {error.strerror}") from error
        read = {b"default": self.unrestricted()}
        read.update(self._read([(f"{path}:{number}", _split(line)) for number, line in enumerate(lines, 1)]))
        for name in [name for name in self.named if name not in read]:
            self.delete(name, None)
        for user in read.values():
            self._take(user)

    def add(self, lines: Iterable[tuple[str, list[str]]]) -> None:
        """
        Make the users of some lines, beside those that there are or in their place.

        @param lines: their places, for errors, and their words.
        @raise BadRule: naming every line that is wrong; then nothing has changed.
        """
        for user in self._read(lines).values():
            self._take(user)

    def _read(self, lines: Iterable[tuple[str, list[str]]]) -> dict[bytes, User]:
        """The users that some lines make."""
        read: dict[bytes, User] = {}
        seen: set[bytes] = set()
        errors = []
        for place, words in lines:
            try:
                user = self._read_line(words, seen)
            except AclRuleError as error:
                errors.append(f"{place}: {error.args[0]}. ")
            else:
                read.update({} if user is None else {user.name: user})
        if errors:
            raise AclRuleError("".join(errors) + UNCHANGED)
        return read

    def changed(self) -> list[str]:
        """The lines that make the users; none, while there is the default one alone, and no rule has changed it."""
        first = self.unrestricted()
        if self._required:
            first.set("resetpass", True)
            first.set(f">{self._required}", True)
        lines = self._lines()
        return [] if lines == [first.show()] else lines

    def _lines(self) -> list[str]:
        return [user.show() for _, user in sorted(self.named.items())]

    def _read_line(self, words: list[str], seen: set[bytes]) -> User | None:
        """The user of a line; None if there is nothing in it."""
        if not words:
            return None
        if words[0].lower() != "user" or len(words) < 2:
            raise AclRuleError("it should start with user keyword followed by the username")
        name = words[1].encode("utf-8", "surrogateescape")
        if not is_plain(words[1]):
            raise AclRuleError(BAD_NAME)
        if name in seen:
            raise AclRuleError("Duplicate user found. A user can only be defined once in config files")
        seen.add(name)
        return self._changed(name, None, words[2:])

    def save(self, path: Path) -> None:
        """
        Write all users to a file.

        @raise OSError: if that fails; the file is as it was then.
        """
        text = "".join([f"{line}\n" for line in self._lines()])
        Disk().write_in_place(path, text.encode("utf-8", "surrogateescape"))

    def _follow(self, session: Session, user: User) -> None:
        """Let a client's state be as its user's is now; close it if it hears what it may hear no more."""
        session.refresh_dispatch()
        own = session.subscriptions
        if own and not (
            all(user.may_hear(channel, False) for channel in (*own.channels, *own.shards))
            and all(user.may_hear(pattern, True) for pattern in own.patterns)
        ):
            session.connection.close()

    def _sessions_of(self, user: User) -> list[Session]:
        return [session for session in self._sessions.values() if session.user is user]

    def delete(self, name: bytes, asking: Session | None) -> bool:
        """Forget a user, and close the clients that are it. Returns whether there was one."""
        user = self.named.pop(name, None)
        if user is None:
            return False
        for session in self._sessions_of(user):
            if session is asking:
                session.closing = True
            else:
                self._disconnect(session)
                session.connection.close()
        return True
