"""
The databases: keys, their values, expiry, last use, eviction and lazy freeing. Commands change them only through
L{Database <tseep.keyspace.keyspace.Database>}.

Imports: datatypes, errors.
"""
