"""
Access control: the users, their passwords and permissions for commands, keys and channels, and ACL LOG.

Imports: algorithms, errors, registry, system.
"""
