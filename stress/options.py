"""What the command lines of the rig share: readers of arguments, and a clean end."""

from __future__ import annotations

import argparse
import re
import signal
from collections.abc import Callable
from typing import NoReturn

UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0}
HOUR = 3600.0


def positive(text: str) -> int:
    """Read a number above nought."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)


def clients(text: str) -> int:
    """Read a number of clients: "8k" is 8192."""
    number = text[:-1] if text[-1:] in ("k", "K") else text
    if not (number.isascii() and number.isdigit() and int(number)):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of clients, such as 500 or 8k")
    return int(number) * (1 if number == text else 1024)


def seconds(text: str) -> float:
    """Read a time in seconds, above nought and up to an hour."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= HOUR:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds up to an hour")
    return value


def duration(text: str) -> float:
    """Read a time as Go writes it, such as 1s, 500ms or 2m, in seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m)", text)
    value = float(found[1]) * UNITS[found[2]] if found else 0.0
    if not 0 < value <= HOUR:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 1s or 500ms")
    return value


def address(text: str) -> tuple[str, int]:
    """Read HOST:PORT; the host has to be this machine's loopback."""
    host, _, port = text.rpartition(":")
    host = "127.0.0.1" if host == "localhost" else host
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    if not re.fullmatch(r"127(\.\d{1,3}){3}", host):
        raise argparse.ArgumentTypeError(f"{host!r} is not in 127.0.0.0/8: the rig loads this machine alone")
    return host, int(port)


def _ended(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)


def run(main: Callable[[], int]) -> NoReturn:
    """Run a command line, and exit with its status. SIGTERM and Ctrl-C end it as an error would, so
    that no child of it stays."""
    signal.signal(signal.SIGTERM, _ended)
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGINT) from None


def leave_signals_to_parent() -> None:
    """In a load process: Ctrl-C is the parent's, and SIGTERM, the parent's word, ends at once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
