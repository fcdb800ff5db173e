"""
Propagation: C{recording} detects that a command changed data, C{effects} translates it to commands that give the same
data whenever they are replayed.

Imports: datatypes, errors, replies.
"""
