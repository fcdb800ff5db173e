"""
Functions on numbers and bytes that compute as Redis does: integers, long doubles, patterns, LCS, HyperLogLog,
geohashes. They keep no state.

Imports: errors.
"""
