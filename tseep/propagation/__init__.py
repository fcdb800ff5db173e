"""
The effects of a command: what is recorded in place of it, so that replaying it gives the same data at any time.

Imports: datatypes, errors, replies.
"""
