"""
The values of keys: hash, list, set, sorted set, stream; the encoding that OBJECT reports, and the memory estimate.

A value knows no key, no database and no client.

Imports: algorithms, errors.
"""
