"""
v3: worker processes that accept, read and write (C{worker}), the process that owns the data (C{owner}), and the frames
between them.
"""
