"""
The protocols: bytes to commands, and replies to bytes. Nothing here knows a socket or a store.

Each protocol is a parser, fed with what was read, and a table of encoders by type of reply.
"""
