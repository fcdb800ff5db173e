"""A comparison server: asyncio's protocols, called back with the bytes of a connection."""

from __future__ import annotations

import asyncio
from typing import cast

from resp import Conversation, Keys
from start import BACKLOG, HOST, port


class Client(asyncio.Protocol):
    """One connection. While its answers are not read, the server does not read its requests."""

    def __init__(self, keys: Keys) -> None:
        self._conversation = Conversation(keys)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(self._conversation.receive(data))
        if self._conversation.ended:
            self._transport.close()

    def pause_writing(self) -> None:
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()


async def serve(port: int) -> None:
    """Listen and serve forever. asyncio sets TCP_NODELAY, and so does uvloop."""
    keys: Keys = {}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Client(keys), HOST, port, backlog=BACKLOG)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(port(__doc__)))
