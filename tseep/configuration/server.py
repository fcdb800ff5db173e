"""The parameters of the server as a whole: periodic tasks, databases, scripts, and the process."""

from __future__ import annotations

from tseep.configuration.kinds import (
    LARGEST,
    TITLE,
    YES_NO,
    Kind,
    Parameter,
    choice,
    number,
    parse_classes,
    parse_oom_scores,
    parse_shutdown,
    show_classes,
    show_oom_scores,
    show_shutdown,
)

SERVER = "Server"

SERVER_PARAMETERS = [
    Parameter(
        "hz",
        "10",
        number(0, 2**31 - 1),
        SERVER,
        "Runs per second of periodic tasks, such as the removal of expired keys; between 1 and 500.",
    ),
    Parameter("databases", "16", number(1, 2**31 - 1), SERVER, "Number of databases.", fixed=True),
    Parameter(
        "notify-keyspace-events",
        "",
        Kind(parse_classes, show_classes),
        SERVER,
        "Keyspace events to publish: K or E, then the classes of events, of g$lshzxetdmn; A: all but m and n. Empty: "
        "none.",
    ),
    Parameter(
        "busy-reply-threshold",
        "5000",
        number(0, LARGEST),
        SERVER,
        "Milliseconds after which other clients get BUSY while a script runs.",
        alias="lua-time-limit",
    ),
    Parameter(
        "lua-enable-deprecated-api",
        "no",
        YES_NO,
        SERVER,
        "Whether scripts have Lua's deprecated getfenv and setfenv, for their own functions. newproxy stays absent.",
        fixed=True,
        option=False,
        hidden=True,
    ),
    Parameter(
        "shutdown-on-sigterm",
        "default",
        Kind(parse_shutdown, show_shutdown),
        SERVER,
        "Options of SHUTDOWN that SIGTERM has: save, nosave, force or now; default: save if --save is set.",
        words=True,
    ),
    Parameter(
        "shutdown-on-sigint",
        "default",
        Kind(parse_shutdown, show_shutdown),
        SERVER,
        "Options of SHUTDOWN that SIGINT (Ctrl-C) has: as --shutdown-on-sigterm.",
        words=True,
    ),
    Parameter(
        "crash-log-enabled",
        "yes",
        YES_NO,
        SERVER,
        "Write the Python stacks of all threads to the log when SIGSEGV, SIGABRT, SIGBUS, SIGFPE or SIGILL ends the "
        "process.",
    ),
    Parameter(
        "set-proc-title",
        "yes",
        YES_NO,
        SERVER,
        "Set the titles of the processes, as ps shows them; no without the extra title.",
        fixed=True,
        option=False,
    ),
    Parameter(
        "proc-title-template",
        "{title} {listen-addr} {server-mode}",
        TITLE,
        SERVER,
        "Title of a process, of {title} (tseep, tseep-worker, or the path of another program than twistd), "
        "{listen-addr}, {server-mode}, {port}, {tls-port}, {unixsocket} and {config-file}. "
        "Workers keep that of their start.",
        option=False,
    ),
    Parameter(
        "oom-score-adj",
        "no",
        choice("no", "yes", "relative", "absolute"),
        SERVER,
        "Set oom_score_adj of the process, by which Linux chooses what to kill when memory runs out: the values are "
        "scores (absolute), or added to the present one (relative, yes).",
    ),
    Parameter(
        "oom-score-adj-values",
        "0 200 800",
        Kind(parse_oom_scores, show_oom_scores),
        SERVER,
        "Scores for --oom-score-adj: of the server, of a replica (no effect), and of child processes that save.",
        words=True,
    ),
]
