"""
The command table: name, arity, flags, key specifications, ACL categories, syntax and HELP of every command.

Imports: algorithms, replies, telemetry.
"""
