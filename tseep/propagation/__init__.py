"""
What is recorded of a command: C{recording} notices that it changed something, C{effects} says which commands give the
same data when they are replayed at any time.

Imports: datatypes, errors, replies.
"""
