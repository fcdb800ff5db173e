"""The parameters of persistence: snapshots, append-only file, and loading."""

from __future__ import annotations

from tseep.configuration.kinds import (
    FILE_NAME,
    FOLDER,
    LARGEST,
    YES_NO,
    Kind,
    Parameter,
    choice,
    memory,
    number,
    parse_save_points,
    show_save_points,
)

PERSISTENCE = "Persistence"

PERSISTENCE_PARAMETERS = [
    Parameter(
        "dir",
        ".",
        FOLDER,
        PERSISTENCE,
        "Directory of the snapshot and of the append-only file. Only one tseep may use it.",
    ),
    Parameter("dbfilename", "dump.rdb", FILE_NAME, PERSISTENCE, "File name of the snapshot, in --dir."),
    Parameter(
        "save",
        "",
        Kind(parse_save_points, show_save_points),
        PERSISTENCE,
        "Save a snapshot after this many seconds if at least this many keys have changed: one pair of numbers or more. "
        "Empty: never.",
        words=True,
    ),
    Parameter(
        "stop-writes-on-bgsave-error",
        "yes",
        YES_NO,
        PERSISTENCE,
        "Refuse writes after a snapshot has failed, until one succeeds.",
    ),
    Parameter("appendonly", "no", YES_NO, PERSISTENCE, "Log every write in an append-only file (AOF)."),
    Parameter(
        "appendfsync",
        "everysec",
        choice("everysec", "always", "no"),
        PERSISTENCE,
        "When to fsync the append-only file: before each reply (always), once a second, or when the system does (no).",
    ),
    Parameter(
        "appendfilename", "appendonly.aof", FILE_NAME, PERSISTENCE, "Base name of the append-only files.", fixed=True
    ),
    Parameter(
        "appenddirname",
        "appendonlydir",
        FILE_NAME,
        PERSISTENCE,
        "Directory of the append-only files, in --dir.",
        fixed=True,
    ),
    Parameter(
        "aof-load-truncated",
        "yes",
        YES_NO,
        PERSISTENCE,
        "Load an append-only file whose last command is truncated (yes), or refuse to start (no).",
    ),
    Parameter(
        "auto-aof-rewrite-percentage",
        "100",
        number(0, 2**31 - 1),
        PERSISTENCE,
        "Rewrite the append-only file when it has grown by this percentage; 0: never.",
    ),
    Parameter(
        "auto-aof-rewrite-min-size",
        "64mb",
        memory(0, LARGEST),
        PERSISTENCE,
        "Minimum size of the append-only file for an automatic rewrite, in bytes (units: kb, mb, gb).",
    ),
    Parameter(
        "aof-use-rdb-preamble",
        "yes",
        YES_NO,
        PERSISTENCE,
        "Write the base of the append-only file as a snapshot, which is smaller and loads faster, or as commands (no).",
    ),
    Parameter(
        "aof-timestamp-enabled",
        "no",
        YES_NO,
        PERSISTENCE,
        "Write the time into the append-only file, once a second: redis-check-aof can truncate the file to a time.",
    ),
    Parameter(
        "aof-disable-auto-gc",
        "no",
        YES_NO,
        PERSISTENCE,
        "Keep the append-only files that a rewrite has replaced (yes), or delete them.",
        option=False,
    ),
    Parameter(
        "no-appendfsync-on-rewrite",
        "no",
        YES_NO,
        PERSISTENCE,
        "Do not fsync the append-only file while a child process writes a snapshot or a rewrite: faster, less safe.",
    ),
    Parameter(
        "rdbcompression",
        "yes",
        YES_NO,
        PERSISTENCE,
        "Compress the strings in snapshots that repeat themselves at length. Others would take too long in Python.",
    ),
    Parameter(
        "rdbchecksum",
        "yes",
        YES_NO,
        PERSISTENCE,
        "Write a checksum into snapshots, and refuse to start from a snapshot with a wrong one.",
        fixed=True,
    ),
    Parameter(
        "key-load-delay",
        "0",
        number(-(2**31), 2**31 - 1),
        PERSISTENCE,
        "Microseconds to sleep after each key or command that is loaded, for tests; -N: one in N times.",
        option=False,
        hidden=True,
    ),
    Parameter(
        "rdb-key-save-delay",
        "0",
        number(-(2**31), 2**31 - 1),
        PERSISTENCE,
        "Microseconds to sleep after each key that is saved, for tests; -N: one in N times.",
        option=False,
        hidden=True,
    ),
    Parameter(
        "loading-process-events-interval-bytes",
        "2097152",
        number(1024, 2**31 - 1),
        PERSISTENCE,
        "Bytes that are loaded before clients are served again.",
        option=False,
        hidden=True,
    ),
]
