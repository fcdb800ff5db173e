"""Addresses in the format of Redis."""

from __future__ import annotations

from typing import Any


def show(address: Any) -> str:
    """Format an C{IAddress}: C{127.0.0.1:6379}, C{[::1]:6379} or C{/path/of/socket:0}."""
    host = getattr(address, "host", None)
    if host is None:
        return f"{_path(address)}:0"
    return f"[{host}]:{address.port}" if ":" in host else f"{host}:{address.port}"


def _path(address: Any) -> str:
    name = getattr(address, "name", None) or b""
    return name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else str(name)
