"""
Servers for tests in child processes, and the pytest plugin L{pytest_tseep.plugin} with fixtures for them.

Each of pytest's processes loads the plugin: the package imports the standard library alone, the plugin pytest as well.
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    if name != "ChildProcess":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pytest_tseep.child import ChildProcess

    return ChildProcess
