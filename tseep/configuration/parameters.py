"""The table of parameters, for the command line, configuration files and CONFIG, and their values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tseep.algorithms.glob import matcher
from tseep.configuration.inert import INERT
from tseep.configuration.kinds import TEXT, YES_NO, Kind, Parameter
from tseep.configuration.memory import MEMORY_PARAMETERS
from tseep.configuration.monitoring import MONITORING_PARAMETERS
from tseep.configuration.network import NETWORK, NETWORK_PARAMETERS
from tseep.configuration.persistence import PERSISTENCE, PERSISTENCE_PARAMETERS
from tseep.configuration.refused import refusal
from tseep.configuration.security import SECURITY_PARAMETERS
from tseep.configuration.server import SERVER, SERVER_PARAMETERS


def _limited(name: str) -> Kind:
    """Return the kind of a parameter that accepts only the values that L{REFUSED} allows."""

    def parse(text: str) -> str:
        reason = refusal(name, text.split() or [""])
        if text and reason:
            raise ValueError(reason)
        return "" if text.lower() == "no one" else text.lower()

    return Kind(parse)


PARAMETERS = [
    *NETWORK_PARAMETERS,
    *SECURITY_PARAMETERS,
    *PERSISTENCE_PARAMETERS,
    *MEMORY_PARAMETERS,
    *MONITORING_PARAMETERS,
    *SERVER_PARAMETERS,
]
PARAMETERS += [
    Parameter("cluster-enabled", "no", _limited("cluster-enabled"), SERVER, "No cluster.", True, False),
    Parameter(
        "min-replicas-to-write", "0", _limited("min-replicas-to-write"), PERSISTENCE, "No replication.", False, False,
        "min-slaves-to-write",
    ),
    Parameter("replicaof", "", _limited("replicaof"), SERVER, "No replication.", True, False, "slaveof", True),
    Parameter("socket-mark-id", "0", _limited("socket-mark-id"), NETWORK, "No packet marks.", True, False),
    Parameter("tls-port", "0", _limited("tls-port"), NETWORK, "TLS is an endpoint.", False, False),
    Parameter("daemonize", "no", YES_NO, SERVER, "Left to twistd.", True, False),
    Parameter("logfile", "", TEXT, SERVER, "Left to twistd.", True, False),
    Parameter("pidfile", "", TEXT, SERVER, "Left to twistd.", True, False),
    Parameter("syslog-enabled", "no", YES_NO, SERVER, "Left to twistd.", True, False),
]  # fmt: skip
"""Parameters that CONFIG GET reports, with the values that a file can set: see L{tseep.configuration.refused}."""

PARAMETERS += [parameter for members in INERT.values() for parameter in members]

BY_NAME = {name: parameter for parameter in PARAMETERS for name in (parameter.name, parameter.alias) if name}
"""The parameters by name and alias."""


class Config(Mapping[str, Any]):
    """
    The values of all parameters, by name.

    @param texts: texts of the parameters that differ from their defaults, by name.
    @raise ValueError: if one is invalid.
    """

    def __init__(self, **texts: str) -> None:
        self.parameters = BY_NAME
        self._defaults = {p.name: p.kind.parse(p.default) for p in PARAMETERS}
        self._values = dict(self._defaults)
        for name, text in texts.items():
            self.set(name.replace("_", "-"), text)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def set(self, name: str, text: str) -> None:
        """
        Set a parameter from text.

        @raise ValueError: with the reason, if the text is invalid.
        """
        parameter = self.parameters[name]
        value = parameter.kind.parse(text)
        if isinstance(value, dict):  # other client classes keep their limits
            value = {**self._values[parameter.name], **value}
        self._values[parameter.name] = value

    def presume(self, name: str, text: str) -> None:
        """
        Set a parameter from text, and make that its default, which CONFIG REWRITE does not write.

        @raise ValueError: with the reason, if the text is invalid.
        """
        self.set(name, text)
        self._defaults[name] = self._values[name]

    def copy_values(self) -> dict[str, Any]:
        """Return all values, for L{restore}."""
        return dict(self._values)

    def restore(self, values: dict[str, Any]) -> None:
        """Set all values to those of L{copy_values}."""
        self._values.update(values)

    def show(self, name: str) -> str:
        """The value as text, as CONFIG GET replies it."""
        parameter = self.parameters[name]
        return parameter.kind.show(self._values[parameter.name])

    def is_default(self, name: str) -> bool:
        """True if a parameter has its default value."""
        name = self.parameters[name].name
        return bool(self._values[name] == self._defaults[name])

    def matching(self, pattern: str) -> Iterator[str]:
        """The names and aliases that match a glob pattern, ignoring case; none that are hidden."""
        match = matcher(pattern.lower().encode("utf-8", "surrogateescape"))
        return (name for name, parameter in self.parameters.items() if not parameter.hidden and match(name.encode()))
