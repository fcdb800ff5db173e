"""Differential test of scripts and functions; see L{tests.differential.families}."""

from __future__ import annotations

GROUP = "scripting"

_SUBCOMMANDS = {
    "script": "debug exists flush kill load help",
    "function": "delete dump flush kill list load restore stats help",
}

BY_HAND = {
    **dict.fromkeys(("eval", "evalsha", "eval_ro", "evalsha_ro", "fcall", "fcall_ro"), "test_scripts"),
    **{f"{name}|{sub}": "test_scripts" for name, subs in _SUBCOMMANDS.items() for sub in subs.split()},
}

LISTED = """
COMMAND GETKEYS EVAL x 0
COMMAND GETKEYS EVALSHA x 2 a b c
COMMAND GETKEYS EVAL x 3 a
COMMAND GETKEYSANDFLAGS FCALL_RO f 1 k
"""
