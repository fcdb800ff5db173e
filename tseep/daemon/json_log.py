"""C{--log-format json}: each event of Twisted's logger as a JSON object on one line."""

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
"""The namespace of events of Twisted's legacy logger; their other fields are internal to Twisted."""


def json_observer(options: Mapping[str, Any]) -> FileLogObserver:
    """
    Return an observer that writes to twistd's log: C{--logfile}, standard output, or C{twistd.log} in the background.

    @param options: twistd's options; C{logfile} and C{nodaemon} are read.
    """
    name = options.get("logfile") or ("-" if options.get("nodaemon") else "twistd.log")
    file: Any = sys.stdout if name == "-" else LogFile.fromFullPath(name)
    return make_observer(file)


def make_observer(file: IO[str]) -> FileLogObserver:
    return FileLogObserver(file, as_json)


def as_json(event: LogEvent) -> str:
    """
    Return an event as a line of JSON: C{time} (ISO 8601), C{level}, C{logger}, C{message}, C{fields} (the values in the
    message), and for a failure C{traceback}.
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
    if event.get("log_namespace") == LEGACY:
        return {}
    return {
        name: value if isinstance(value, PLAIN) else str(value)
        for name, value in event.items()
        if not name.startswith("log_")
    }


class JsonLogService(MultiService):
    """
    A service whose application, if it is started by twistd, logs in JSON. Under another parent it leaves logging to the
    process.

    @param options: twistd's options; C{logfile} and C{nodaemon} are read.
    """

    def __init__(self, service: IService, options: Mapping[str, Any]) -> None:
        super().__init__()
        self._options = options
        service.setServiceParent(self)

    def setServiceParent(self, parent: Any) -> None:
        """Set the parent; if it is an application, make L{json_observer} its observer."""
        super().setServiceParent(parent)
        if isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, json_observer(self._options))
