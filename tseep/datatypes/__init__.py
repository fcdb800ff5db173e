"""
The data types: hash, list, set, sorted set and stream; the encoding that OBJECT reports, and the memory estimate.

Values do not refer to their keys, databases or clients.

Imports: algorithms, errors.
"""
