"""
The command table: name, arity, flags, key specifications, ACL categories, syntax and HELP of every command, read from
JSON files. It does not need the command functions.

Imports: algorithms, replies, telemetry.
"""
