"""Tells systemd what the service does (sd_notify(3)): one datagram to the socket that $NOTIFY_SOCKET names."""

from __future__ import annotations

import os
import socket

VARIABLE = "NOTIFY_SOCKET"


def notify(state: str) -> None:
    """
    Send a state, such as C{READY=1}; nothing, if nobody has asked for it.

    A failure is no reason to stop serving, so that it is passed over.
    """
    path = os.environ.get(VARIABLE, "")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.connect(address)
            sock.send(state.encode())
    except OSError:
        pass
