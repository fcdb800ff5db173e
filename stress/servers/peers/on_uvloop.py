"""A comparison server: the protocol of asyncio_protocol.py on uvloop, an event loop in C."""

from __future__ import annotations

from asyncio_protocol import serve
from start import libraries, port

with libraries():
    import uvloop

if __name__ == "__main__":
    uvloop.run(serve(port(__doc__)))
