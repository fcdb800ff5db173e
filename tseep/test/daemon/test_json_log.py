"""Tests for L{tseep.daemon.json_log}: log lines in JSON."""

from __future__ import annotations

import json
import os
import re
import sys
from io import StringIO
from pathlib import Path
from typing import Any

from twisted.application.service import Application, IServiceCollection, MultiService, Service
from twisted.logger import ILogObserver, Logger, LogLevel, LogPublisher
from twisted.python import log as legacy
from twisted.trial.unittest import SynchronousTestCase

import tseep
from tseep.daemon.json_log import JsonLogService, as_json, json_observer, make_observer

PACKAGE = Path(tseep.__file__).parent


class AsJsonTests(SynchronousTestCase):
    """Fields of a JSON log line."""

    def setUp(self) -> None:
        """Create a logger that writes JSON lines to C{self.file}."""
        self.file = StringIO()
        self.log = Logger("tseep.test", observer=LogPublisher(make_observer(self.file)))

    def written(self) -> Any:
        """Return the single line that was written, parsed as JSON."""
        text = self.file.getvalue()
        self.assertEqual((1, "\n"), (text.count("\n"), text[-1]))
        return json.loads(text)

    def test_event(self) -> None:
        """A line has time, level, logger, message, and the fields of the message."""
        self.log.warn("{count} of {names} in\ntwo lines", count=3, names={"a": "ü"})
        line = self.written()
        self.assertRegex(line.pop("time"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$")
        fields = {"count": 3, "names": "{'a': 'ü'}"}
        message = "3 of {'a': 'ü'} in\ntwo lines"
        self.assertEqual({"level": "warn", "logger": "tseep.test", "message": message, "fields": fields}, line)

    def test_time(self) -> None:
        """The time is in UTC, with milliseconds."""
        event = {"log_time": 1.5, "log_level": LogLevel.info, "log_format": "x", "log_namespace": "n"}
        expected = {"time": "1970-01-01T00:00:01.500+00:00", "level": "info", "logger": "n", "message": "x"}
        self.assertEqual(expected, json.loads(as_json(event)))

    def test_failure(self) -> None:
        """A failure's traceback is in the same line."""
        try:
            raise ValueError("once")
        except ValueError:
            self.log.failure("it failed")
        line = self.written()
        self.assertEqual(("critical", "it failed"), (line["level"], line["message"]))
        self.assertIn("ValueError: once", line["traceback"])

    def test_legacy_logger(self) -> None:
        """An event of Twisted's legacy logger has a message and no fields."""
        publisher = legacy.LogPublisher(publishPublisher=LogPublisher(make_observer(self.file)))
        publisher.msg("hello", system="somewhere", other=5)
        line = self.written()
        self.assertEqual("hello", line["message"])
        self.assertNotIn("fields", line)


class JsonObserverTests(SynchronousTestCase):
    def test_file(self) -> None:
        """The log is written to the file of twistd's --logfile."""
        path = os.path.abspath(self.mktemp())
        json_observer({"logfile": path, "nodaemon": True})({"log_format": "x", "log_time": 0.0})
        with open(path) as file:
            self.assertEqual("x", json.loads(file.read())["message"])

    def test_output(self) -> None:
        """Without --logfile the log is written to standard output."""
        output = StringIO()
        self.patch(sys, "stdout", output)
        json_observer({"logfile": None, "nodaemon": 1})({"log_format": "x", "log_time": 0.0})
        self.assertEqual("x", json.loads(output.getvalue())["message"])


class JsonLogServiceTests(SynchronousTestCase):
    """Installation of the observer on twistd's application."""

    def test_application(self) -> None:
        """Under an application it installs the JSON log observer and runs the service."""
        application: Any = Application("test")
        service = Service()
        logged = JsonLogService(service, {"nodaemon": 1})
        logged.setServiceParent(application)
        self.assertIsNotNone(application.getComponent(ILogObserver))
        self.assertEqual(([logged], [service]), (list(IServiceCollection(application)), list(logged)))

    def test_other_parent(self) -> None:
        """A parent that is no application is accepted."""
        parent = MultiService()
        logged = JsonLogService(Service(), {"nodaemon": 1})
        logged.setServiceParent(parent)
        self.assertEqual([logged], list(parent))


class LoggerNamesTests(SynchronousTestCase):
    """Names of tseep's loggers, by which operators filter."""

    def test_names(self) -> None:
        """Each logger has a fixed name, which does not change when its module moves."""
        sources = [path for path in PACKAGE.rglob("*.py") if "test" not in path.relative_to(PACKAGE).parts]
        made = [call for path in sources for call in re.findall(r"\bLogger\((.*)\)", path.read_text())]
        names = ["heartbeat.Heartbeat", "modes.threaded.ThreadedMode", "modes.watcher.Watcher", "modes.worker.Worker"]
        names += ["modes.workers.Link", "modes.workers.Place", "service.TseepService", "tap", "web.service.WebService"]
        self.assertEqual([f'"tseep.{name}"' for name in names], sorted(set(made)))
