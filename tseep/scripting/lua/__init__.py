"""Lua 5.1 for scripts, on the package C{lupa}: the interpreter, what scripts may see of it, and Redis's libraries."""
