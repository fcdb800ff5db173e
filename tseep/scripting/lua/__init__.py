"""Lua 5.1 for scripts, on the package C{lupa}: the interpreter, the sandbox, and Redis's libraries."""
