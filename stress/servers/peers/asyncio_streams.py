"""A comparison server: asyncio's streams, a coroutine for each connection."""

from __future__ import annotations

import asyncio

from resp import Conversation, Keys
from start import BACKLOG, HOST, port


async def converse(keys: Keys, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one client until it disconnects."""
    conversation = Conversation(keys)
    try:
        while not conversation.ended and (data := await reader.read(65_536)):
            writer.write(conversation.receive(data))
            await writer.drain()
    except ConnectionError:
        pass  # the client disconnected before it read all answers
    finally:
        writer.close()


async def serve(port: int) -> None:
    """Listen and serve forever. asyncio sets TCP_NODELAY."""
    keys: Keys = {}
    server = await asyncio.start_server(lambda r, w: converse(keys, r, w), HOST, port, backlog=BACKLOG)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(port(__doc__)))
