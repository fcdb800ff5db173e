"""
Protocols: RESP2, RESP3, inline commands, and the binary frames of the Go study.

Each protocol is a parser from received bytes to commands, and a table of encoders by type of reply.

Imports: algorithms, errors, replies.
"""
