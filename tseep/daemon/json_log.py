"""Logs for programs: an event of Twisted's logger as a JSON object on a line of its own (C{--log-format json})."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import IO, Any

from twisted.application.service import IService, MultiService
from twisted.logger import FileLogObserver, ILogObserver, LogEvent, eventAsText, formatEvent
from twisted.python.components import Componentized
from twisted.python.logfile import LogFile

PLAIN = (str, int, float, bool, type(None))
LEGACY = "log_legacy"
"""The namespace of events of Twisted's older logger, whose fields are its own affair."""


def json_observer(options: Mapping[str, Any]) -> FileLogObserver:
    """
    What writes events where twistd was told to log.

    @param options: of twistd: C{logfile} and C{nodaemon}.
    """
    name = options.get("logfile") or ("-" if options.get("nodaemon") else "twistd.log")
    file: Any = sys.stdout if name == "-" else LogFile.fromFullPath(name)
    return make_observer(file)


def make_observer(file: IO[str]) -> FileLogObserver:
    """What writes events to a file."""
    return FileLogObserver(file, as_json)


def as_json(event: LogEvent) -> str:
    """
    A line: C{time} (ISO 8601), C{level}, C{logger}, C{message}, what else the event says in C{fields}, and if
    something has failed the C{traceback}.
    """
    line: dict[str, Any] = {
        "time": datetime.fromtimestamp(event.get("log_time", 0.0), timezone.utc).isoformat(timespec="milliseconds"),
        "level": getattr(event.get("log_level"), "name", "info"),
        "logger": event.get("log_namespace", ""),
        "message": formatEvent(event),
        "fields": _fields(event),
    }
    if "log_failure" in event:
        line["traceback"] = eventAsText(event, includeTimestamp=False, includeSystem=False)
    return json.dumps({name: value for name, value in line.items() if value != {}}) + "\n"


def _fields(event: LogEvent) -> dict[str, Any]:
    """What was said beside the message."""
    if event.get("log_namespace") == LEGACY:
        return {}
    return {
        name: value if isinstance(value, PLAIN) else str(value)
        for name, value in event.items()
        if not name.startswith("log_")
    }


class LoggedInJson(MultiService):
    """
    A service, in a process whose log is in JSON. Where the process is not its own, as it is of twistd, that is the
    affair of whose it is.

    @param options: of twistd: C{logfile} and C{nodaemon}.
    """

    def __init__(self, service: IService, options: Mapping[str, Any]) -> None:
        super().__init__()
        self._options = options
        service.setServiceParent(self)

    def setServiceParent(self, parent: Any) -> None:
        """Be run by C{parent}; if that is an application, it logs so."""
        super().setServiceParent(parent)
        if isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, json_observer(self._options))
