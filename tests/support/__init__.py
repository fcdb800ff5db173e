"""Shared helpers: clients, servers as child processes, browsers, and the contents of a server."""
