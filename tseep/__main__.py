"""C{tseep} and C{python -m tseep}: short for C{twistd --nodaemon --pidfile= tseep}."""

from __future__ import annotations

import signal
import sys

from twisted.scripts.twistd import run


def main() -> None:
    """Run twistd in the foreground, without a PID file, with the arguments of this process."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as in Redis; ProcessService would install it too late
    sys.argv[1:1] = ["--nodaemon", "--pidfile=", "tseep"]
    run()


if __name__ == "__main__":
    main()
