"""
The directives of redis.conf that are no parameters, or have no effect, or in place of which twistd has options.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from tseep.configuration.parameters import BY_NAME
from tseep.configuration.refused import REFUSED

DEPRECATED = ("list-max-ziplist-entries", "list-max-ziplist-value", "lua-replicate-commands")
"""The directives that redis-server accepts in a file and ignores."""

TWISTD: dict[str, tuple[str, str]] = {
    "daemonize": ("no", "twistd tseep"),
    "logfile": ("", "twistd --logfile=FILE tseep"),
    "pidfile": ("", "twistd --pidfile=FILE tseep"),
    "syslog-enabled": ("no", "twistd --syslog tseep"),
}
"""The directives in place of which twistd has options: the value that needs no option, and the twistd command."""


def unknown(name: str, known: Iterable[str]) -> str:
    """
    Return the reason why the server does not start with a directive that is no parameter; empty if it is ignored.

    @param known: the names of the supported directives, for the suggestion of a similar name.
    """
    if name in DEPRECATED or name in REFUSED:
        return ""
    near = get_close_matches(name, [*known, *REFUSED], 1, 0.75)
    return "Bad directive or wrong number of arguments" + "".join([f"; did you mean {each}?" for each in near])


def is_ignored(name: str) -> bool:
    """True if a directive has no effect, whatever its value."""
    parameter = BY_NAME.get(name)
    return name in DEPRECATED or (parameter is not None and parameter.inert)


def for_twistd(name: str, words: Sequence[str]) -> str:
    """The twistd command that replaces a directive; empty if none is needed."""
    harmless, instead = TWISTD.get(name, ("", ""))
    return "" if " ".join(words).lower() == harmless else instead
