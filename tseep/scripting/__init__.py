"""
Scripts and functions, the script that runs, and Lua (C{lua}).

Imports: access, errors, interfaces, keyspace, replies.
"""
