"""Error replies of commands, in Redis's wording (redis/src/server.c, shared objects)."""

from __future__ import annotations


class CommandError(Exception):
    """
    Raised by a command that fails: sent as a RESP error, and counted in INFO errorstats by its code.

    @param message: the whole line, starting with the code, as in C{ERR syntax error}. Line breaks
        become spaces, since a RESP error is one line.
    @param size: for a reply that would be too large, its bytes. A client whose hard limit of output is lower is closed.
    @param counted: True if INFO errorstats already includes it, because the call inside a script was counted.
    @param rejected: True if the command was refused before it ran, which INFO commandstats counts separately.
    @ivar whole: True if EXEC, refused for this reason, replies with this error alone.
    """

    whole = False

    def __init__(self, message: str | bytes, counted: bool = False, size: int = 0, rejected: bool = False) -> None:
        super().__init__(message)
        self.counted = counted
        self.size = size
        self.rejected = rejected
        raw = message if isinstance(message, bytes) else message.encode("utf-8", "surrogateescape")
        self.message = raw.replace(b"\r", b" ").replace(b"\n", b" ")

    @property
    def code(self) -> bytes:
        """The first word, such as C{ERR}: the key in INFO errorstats."""
        return self.message.split(b" ", 1)[0]


class AclRuleError(ValueError):
    """An invalid ACL rule; C{args} are Redis's reason and, from L{Users}, the rule."""


SYNTAX = "ERR syntax error"
NO_REPLICATION = "ERR tseep has no replication: it has neither a master nor replicas"
NOT_AN_INTEGER = "ERR value is not an integer or out of range"
NOT_AN_INT = "ERR value is out of range, value must between -2147483648 and 2147483647"
NOT_A_FLOAT = "ERR value is not a valid float"
WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"
NO_SUCH_KEY = "ERR no such key"
NO_SUCH_DATABASE = "ERR DB index is out of range"
SAME_OBJECT = "ERR source and destination objects are the same"
OUT_OF_RANGE = "ERR index out of range"
LOADING = "LOADING Redis is loading the dataset in memory"
NO_AUTH = "NOAUTH Authentication required."
NOT_PERMITTED = {
    "command": b"NOPERM this user has no permissions to run the '%b' command",
    "key": b"NOPERM this user has no permissions to access one of the keys used as arguments%.0b",
    "channel": b"NOPERM this user has no permissions to access one of the channels used as arguments%.0b",
}
"""The error by kind of missing permission; the name of the command is filled in, where it has a place."""

READS_ANY_KEY = b"%b option of SORT denied due to insufficient ACL permissions."

NO_MORE = (
    "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is "
    "no longer allowed for the following reason: "
)
NO_MORE_REASONS = {
    "command": "no permission to execute the command or subcommand",
    "key": "no permission to touch the specified keys",
    "channel": "no permission to access one of the channels used as arguments to the command",
}
NOT_FOR_SCRIPTS = {
    "command": "ERR The user executing the script can't run this command or subcommand",
    "key": "ERR The user executing the script can't access at least one of the keys mentioned in the command arguments",
    "channel": "ERR The user executing the script can't publish to the channel mentioned in the command",
}
WRONG_PASSWORD = "WRONGPASS invalid username-password pair or user is disabled."


def wrong_arguments(name: bytes) -> CommandError:
    """The error for a call of command C{name} with too few or too many arguments."""
    return CommandError(b"ERR wrong number of arguments for '%b' command" % name)


def invalid_expire_time(name: bytes) -> CommandError:
    """The error for a call of command C{name} with a time to live that is negative, zero or too large."""
    return CommandError(b"ERR invalid expire time in '%b' command" % name)


def not_allowed(name: str) -> CommandError:
    """The error for a command that C{enable-NAME-command} does not permit to a client."""
    option = f"enable-{name.lower()}-command"
    return CommandError(
        f'ERR {name} command not allowed. If the {option} option is set to "local", you can run it from a local '
        "connection, otherwise you need to set this option in the configuration file, and then restart the server."
    )


def cannot_apply(name: bytes, reason: str) -> CommandError:
    """The error for a CONFIG SET that failed because of one parameter."""
    text = b"ERR CONFIG SET failed (possibly related to argument '%b') - %b"
    return CommandError(text % (name, reason.encode("utf-8", "surrogateescape")))


def wrong_subcommand(argv: list[bytes]) -> CommandError:
    """The error for an unknown subcommand, or for a wrong number of its arguments."""
    text = b"ERR unknown subcommand or wrong number of arguments for '%b'. Try %b HELP."
    return CommandError(text % (argv[1][:128], argv[0].upper()))


OUT_OF_MEMORY = "OOM command not allowed when used memory > 'maxmemory'."
