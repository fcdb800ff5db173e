"""
Stateless functions with the same results as Redis's: integers, long doubles, glob patterns, LCS, HyperLogLog,
geohashes.

Imports: errors.
"""
