"""
Scripting: EVAL's scripts, FUNCTION's libraries, their execution, and the Lua interpreter (C{lua}).

Imports: access, algorithms, errors, interfaces, protocol, replies, system.
"""
