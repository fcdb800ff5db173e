"""
The program of a worker process: C{python -m tseep.modes.workers NUMBER [TITLE]}, started by the owner.

A terminal and systemd send signals to all processes of a server. Workers ignore them: the owner first answers the
requests that have arrived, then closes the link, upon which the worker exits. SIGHUP has no effect. The signals are
ignored before the imports, since one can arrive during these.
"""

import signal

if __name__ == "__main__":
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)

    from tseep.modes.workers.worker import main

    main()
