"""
The databases: keys, values, expiry, access times, eviction and lazy free. Commands change them only through
L{Database <tseep.keyspace.database.Database>}.

Imports: datatypes, errors.
"""
