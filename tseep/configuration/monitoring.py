"""The parameters of monitoring: slow log, latency, and log."""

from __future__ import annotations

from tseep.configuration.kinds import (
    LARGEST,
    LOG_LEVELS,
    YES_NO,
    Kind,
    Parameter,
    choice,
    number,
    parse_percentiles,
    show_percentiles,
)

MONITORING = "Monitoring"

MONITORING_PARAMETERS = [
    Parameter(
        "slowlog-log-slower-than",
        "10000",
        number(-1, LARGEST),
        MONITORING,
        "Execution time in microseconds from which a command is logged in SLOWLOG; -1: none.",
    ),
    Parameter("slowlog-max-len", "128", number(0, LARGEST), MONITORING, "Maximum number of entries in SLOWLOG."),
    Parameter(
        "latency-monitor-threshold",
        "0",
        number(0, LARGEST),
        MONITORING,
        "Milliseconds from which LATENCY records an event; 0: none.",
    ),
    Parameter(
        "latency-tracking", "yes", YES_NO, MONITORING, "Report latencies by command in INFO and LATENCY HISTOGRAM."
    ),
    Parameter(
        "latency-tracking-info-percentiles",
        "50 99 99.9",
        Kind(parse_percentiles, show_percentiles),
        MONITORING,
        "Percentiles in the section latencystats of INFO: numbers between 0 and 100.",
        words=True,
    ),
    Parameter(
        "loglevel",
        "notice",
        choice(*LOG_LEVELS),
        MONITORING,
        "Least level of the server's and of scripts' log lines. Start, addresses and shutdown are always logged.",
    ),
]
