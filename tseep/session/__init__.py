"""
The conversation of one client: bytes in, bytes out. It holds the loop that every command passes.

Imports: access, coordination, errors, protocol, replies.
"""
