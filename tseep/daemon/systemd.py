"""sd_notify(3): reports the state of the service to systemd, as a datagram to the socket $NOTIFY_SOCKET."""

from __future__ import annotations

import os
import socket

VARIABLE = "NOTIFY_SOCKET"


def notify(state: str) -> None:
    """
    Send a state, such as C{READY=1}. Does nothing without $NOTIFY_SOCKET. Errors are ignored, since the server runs as
    well without systemd.
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
