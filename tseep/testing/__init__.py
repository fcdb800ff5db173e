"""
Servers for tests, on a free port of 127.0.0.1: in a process of their own, or on the reactor of the tests.

Both are imported at their first use: L{ChildProcess <pytest_tseep.child.ChildProcess>} needs neither Twisted nor tseep
in this process.

Imports: commands.admin, configuration, coordination, daemon, errors, modes, net, persistence, registry, server,
system, telemetry.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_tseep.child import ChildProcess
    from tseep.testing.in_process import InProcess

__all__ = ["ChildProcess", "InProcess"]

_MODULES = {"ChildProcess": "pytest_tseep.child", "InProcess": "tseep.testing.in_process"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
