"""The command line of the comparison servers."""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

HOST = "127.0.0.1"
BACKLOG = 4096


def port(doc: str | None) -> int:
    """Read --port from the command line of the server with the docstring C{doc}, raise the limit of open files, and
    make SIGTERM exit with status 0, as there is nothing to save."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True, metavar="N", help=f"port of {HOST} to listen on")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    chosen: int = parser.parse_args().port
    return chosen


@contextmanager
def libraries() -> Iterator[None]:
    """Import optional packages inside C{with}: if one is missing, print how to install it and exit with status 2."""
    try:
        yield
    except ModuleNotFoundError as missing:
        print(f"{missing.name} is missing: pip install 'tseep[peers]'", file=sys.stderr)
        raise SystemExit(2) from None
