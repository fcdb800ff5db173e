"""
A worker's process: C{python -m tseep.modes.workers NUMBER}, as its owner starts it.

Whoever stops a server may tell all of its processes, from a terminal or as systemd does. The owner alone is to hear
that, so that what has come is answered first, and SIGHUP ends nobody. So signals are ignored before all else is
imported: that takes long enough for one to come.
"""

import signal

if __name__ == "__main__":
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)

    from tseep.modes.workers.worker import main

    main()
