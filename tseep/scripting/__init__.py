"""
EVAL's scripts, FUNCTION's libraries, the script that runs, and Lua (C{lua}).

Imports: access, errors, interfaces, replies.
"""
