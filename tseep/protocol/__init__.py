"""
The protocols: bytes to commands, and replies to bytes. RESP2, RESP3, inline commands, and the binary frames of the Go
study.

Each protocol is a parser, which is fed with what was read, and a table of encoders by type of reply.

Imports: algorithms, errors, replies.
"""
