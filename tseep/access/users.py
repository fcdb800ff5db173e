"""
ACL users: rules, passwords, authentication, aclfile. Source:
https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/, redis/src/acl.c.
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

_HASH_DIGITS = 64

NO_SUCH_PASSWORD = "The password you are trying to remove from the user does not exist"
BAD_HASH = "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
BAD_NAME = "Usernames can't contain spaces or null characters"

UNCHANGED = "WARNING: ACL errors detected, no change to the previously active ACL rules was performed"


class User:
    """
    A user with its passwords and permissions.

    @ivar enabled: True if clients can authenticate as this user.
    @ivar nopass: True if any password is accepted.
    @ivar sanitize: the last C{sanitize-payload} rule, kept for ACL LIST only, as payloads are always validated; None if
        there was none.
    @ivar hashes: SHA-256 of each password, in hexadecimal.
    @ivar selectors: the permissions: the root selector, then those of rules in parentheses.
    @ivar restricted: True unless a selector allows all commands, keys and channels.
    """

    def __init__(self, name: bytes, commands: dict[bytes, Command], all_channels: bool = False) -> None:
        self.name = name
        self._commands = commands
        self.reset(all_channels)

    def reset(self, all_channels: bool) -> None:
        """Disable the user, and remove all passwords and permissions (rule C{reset})."""
        self.enabled = self.nopass = False
        self.sanitize: bool | None = None
        self.hashes: list[str] = []
        self.selectors = [Selector(self._commands, all_channels)]
        self.restricted = True

    def copy(self) -> User:
        other = User(self.name, self._commands)
        other.copy_from(self)
        return other

    def copy_from(self, other: User) -> None:
        """Copy passwords and permissions from another user."""
        self.enabled, self.nopass, self.sanitize = other.enabled, other.nopass, other.sanitize
        self.hashes, self.selectors = other.hashes[:], [selector.copy() for selector in other.selectors]
        self.restricted = all(selector.restricted for selector in self.selectors)

    def set(self, rule: str, all_channels: bool) -> None:
        """
        Apply a rule of ACL SETUSER.

        @param all_channels: True if the rule C{reset} leaves all channels allowed (acl-pubsub-default).
        @raise AclRuleError: if it is invalid.
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
            self.sanitize = True  # as Redis shows a user after reset
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
        if sign in "#!" and not (len(text) == _HASH_DIGITS and set(text) <= set("0123456789abcdef")):
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
        """True if the password authenticates the user. The comparison takes constant time."""
        given = _hash(password)
        right = [hmac.compare_digest(given, known) for known in self.hashes]
        return self.enabled and (self.nopass or any(right))

    def check(self, command: Command, argv: list[bytes]) -> Denied | None:
        """Return the missing permission for a call with these arguments, or None if a selector allows it."""
        denials = []
        for selector in self.selectors:
            denied = selector.check(command, argv)
            if denied is None:
                return None
            denials.append(denied)
        return max(denials, key=lambda denied: denied.specificity)

    def forbidden_option(self, command: Command, argv: list[bytes]) -> bytes | None:
        """
        Return the option by which a command reads keys that are not among its arguments (BY and GET of SORT), if no
        selector allows both the command and reading every key; else None. Source: redis/src/acl.c,
        ACLUserCheckCmdWithUnrestrictedPerms.
        """
        option = None if command.reads_any_key is None else command.reads_any_key(argv)
        if option is None or any(each.reads_all and each.check(command, argv) is None for each in self.selectors):
            return None
        return option

    def may_subscribe(self, channel: bytes, is_pattern: bool) -> bool:
        """True if the user may subscribe to a channel or, with C{is_pattern}, to a pattern."""
        return any(selector.may_subscribe(channel, is_pattern) for selector in self.selectors)

    @property
    def flags(self) -> list[str]:
        """The rules other than passwords and permissions, as ACL GETUSER lists them."""
        sanitize = {None: [], True: ["sanitize-payload"], False: ["skip-sanitize-payload"]}[self.sanitize]
        return ["on" if self.enabled else "off", *(["nopass"] if self.nopass else []), *sanitize]

    def show(self) -> str:
        """The user's line in ACL LIST: rules that create an equal user."""
        first, *others = [selector.show() for selector in self.selectors]
        words = [*self.flags, *["#" + hashed for hashed in self.hashes], first, *[f"({other})" for other in others]]
        return f"user {self.name.decode('utf-8', 'surrogateescape')} {' '.join(words)}"


def _with_selectors(rules: list[str]) -> list[str]:
    """The rules, where the words of each selector in parentheses are joined to one rule."""
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
    """Split a selector at ASCII whitespace."""
    return [word.decode("utf-8", "surrogateescape") for word in text.split()]


def _split(line: bytes) -> list[str]:
    """Split a line of an aclfile at each single space, as Redis does: the name of a user may be empty."""
    line = line.strip(b" \t\r\n")
    return line.decode("utf-8", "surrogateescape").split(" ") if line else []


def _hash(password: bytes) -> str:
    return hashlib.sha256(password).hexdigest()


class Users:
    """
    The users of one server.

    @param commands: all commands by name, in lower case.
    @param config: the parameters, of which C{acl-pubsub-default}, C{aclfile} and C{dir} are read.
    @param sessions: all clients by id.
    @param disconnect: called with the session of a client whose user is deleted, before its connection is closed.
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
        """A new user with all permissions and no password: the initial default user."""
        user = User(b"default", self._commands)
        for rule in ("on", "nopass", "allkeys", "allchannels", "allcommands"):
            user.set(rule, True)
        user.restricted = False
        return user

    @property
    def open(self) -> bool:
        """True if clients need not authenticate."""
        return self.default.nopass and self.default.enabled

    @property
    def file(self) -> Path | None:
        """The aclfile, in C{dir} if its path is relative, as in Redis; None without one."""
        name = self._config["aclfile"]
        return Path(self._config["dir"], name) if name else None

    def require(self, password: str) -> None:
        """Set the default user's password (requirepass), if it differs from the last call's. Empty: any is accepted."""
        if password != self._required:
            self._required = password
            self.default.set("resetpass", True)
            self.default.set(f">{password}" if password else "nopass", True)

    def find(self, name: bytes, password: bytes) -> User | None:
        """Return the user of this name if the password authenticates it, else None."""
        user = self.named.get(name)
        return user if user is not None and user.accepts(password) else None

    def change(self, name: bytes, rules: list[str]) -> None:
        """
        Create or change a user (ACL SETUSER). Either all rules are applied, or none.

        @raise AclRuleError: for the first invalid rule; its C{args} are the reason and the rule.
        """
        known = self.named.get(name)
        self._store(self._changed(name, known, rules))

    def _changed(self, name: bytes, known: User | None, rules: list[str]) -> User:
        """A copy of a user, or a new one, with the rules applied."""
        all_channels = self._config["acl-pubsub-default"] == "allchannels"
        changed = User(name, self._commands, all_channels) if known is None else known.copy()
        for rule in _with_selectors(rules):
            try:
                changed.set(rule, all_channels)
            except AclRuleError as error:
                raise AclRuleError(str(error), rule) from None
        return changed

    def _store(self, changed: User) -> None:
        """Store a user, or update the one of this name, and apply its permissions to its connected clients."""
        user = self.named.setdefault(changed.name, changed)
        user.copy_from(changed)
        for session in self._sessions_of(user):
            self._follow(session, user)

    def clear(self) -> None:
        """Delete all users but the default one, and reset that one."""
        for name in [name for name in self.named if name != b"default"]:
            self.delete(name, None)
        self._store(self.unrestricted())
        self._required = ""

    def load(self, path: Path, asking: Session | None = None) -> None:
        """
        Replace all users by those of an aclfile (ACL LOAD). Clients of all users but C{default} are disconnected;
        C{asking} after its reply.

        @raise AclRuleError: with all invalid lines, or the reason why the file cannot be read; no user has changed.
        """
        try:
            lines = path.read_bytes().split(b"\n")
        except OSError as error:
            raise AclRuleError(f"{path}: {error.strerror}") from error
        read = {b"default": self.unrestricted()}
        read.update(self._read([(f"{path}:{number}", _split(line)) for number, line in enumerate(lines, 1)]))
        for name in [name for name in self.named if name != b"default"]:
            self.delete(name, asking)
        for user in read.values():
            self._store(user)

    def add(self, lines: Iterable[tuple[str, list[str]]]) -> None:
        """
        Add the users of C{user} directives; a user of the same name is replaced.

        @param lines: for each directive its place (file and line, for errors), and its words.
        @raise AclRuleError: with all invalid lines; no user has changed.
        """
        for user in self._read(lines).values():
            self._store(user)

    def _read(self, lines: Iterable[tuple[str, list[str]]]) -> dict[bytes, User]:
        """The users that the lines define, by name."""
        read: dict[bytes, User] = {}
        seen: set[bytes] = set()
        errors = []
        for place, words in lines:
            try:
                user = self._read_line(words, seen)
            except AclRuleError as error:
                reason, *rule = error.args
                where = f"Error in applying operation '{rule[0]}': " if rule else ""
                errors.append(f"{place}: {where}{reason}. ")
            else:
                read.update({} if user is None else {user.name: user})
        if errors:
            raise AclRuleError("".join(errors) + UNCHANGED)
        return read

    def changed(self) -> list[str]:
        """
        Return the C{user} directives for CONFIG REWRITE, without that of the default user if requirepass alone has
        changed it: its password may come from a file that fewer users can read.
        """
        first = self.unrestricted()
        if self._required:
            first.set("resetpass", True)
            first.set(f">{self._required}", True)
        of_requirepass = first.show()
        return [line for line in self._lines() if line != of_requirepass]

    def _lines(self) -> list[str]:
        return [user.show() for _, user in sorted(self.named.items())]

    def _read_line(self, words: list[str], seen: set[bytes]) -> User | None:
        """The user that a line defines; None for an empty line."""
        if not words:
            return None
        if words[0].lower() != "user" or len(words) < 2:
            raise AclRuleError("it should start with user keyword followed by the username")
        name = words[1].encode("utf-8", "surrogateescape")
        if not is_plain(words[1]):
            raise AclRuleError(BAD_NAME)
        if name in seen:
            raise AclRuleError(f"Duplicate user '{words[1]}' found")
        seen.add(name)
        return self._changed(name, None, words[2:])

    def save(self, path: Path) -> None:
        """
        Write all users to an aclfile (ACL SAVE).

        @raise OSError: if that fails; the file is unchanged.
        """
        text = "".join([f"{line}\n" for line in self._lines()])
        Disk().write_in_place(path, text.encode("utf-8", "surrogateescape"))

    def _follow(self, session: Session, user: User) -> None:
        """Apply a user's changed permissions to its client; disconnect it if a subscription is no longer allowed."""
        session.refresh_dispatch()
        own = session.subscriptions
        if own and not (
            all(user.may_subscribe(channel, False) for channel in (*own.channels, *own.shards))
            and all(user.may_subscribe(pattern, True) for pattern in own.patterns)
        ):
            self._disconnect(session)
            session.connection.close()

    def _sessions_of(self, user: User) -> list[Session]:
        return [session for session in self._sessions.values() if session.user is user]

    def delete(self, name: bytes, asking: Session | None) -> bool:
        """Delete a user and disconnect its clients; C{asking} after its reply. Return whether the user existed."""
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
