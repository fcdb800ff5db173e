"""
ACL: users, their passwords, what each may run and touch, and ACL LOG.

Imports: algorithms, errors, registry, system.
"""
