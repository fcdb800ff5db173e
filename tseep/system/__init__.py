"""
Operating system interfaces: this process and its machine, forked children, the limit on open files, the file system.

Imports: nothing.
"""
