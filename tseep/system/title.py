"""The title of a process, as ps shows it, by the package setproctitle (extra C{title})."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Optional

setproctitle: Optional[ModuleType]
try:
    setproctitle = import_module("setproctitle")
except ImportError:
    setproctitle = None


def expand(template: str, variables: Mapping[str, str]) -> str:
    """Return a template of C{proc-title-template} with its variables, such as C{{title}}, replaced."""
    return re.sub(r"\{(\{|[a-z-]+\})", lambda match: variables.get(match[1][:-1], "{"), template).strip(" ")


def set_title(title: str) -> None:
    """Set the title of this process. Does nothing without the package."""
    if setproctitle is not None:
        setproctitle.setproctitle(title)
