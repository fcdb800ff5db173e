"""
v3: worker processes that accept, read and write (C{worker}), the process that owns the data (C{owner}), the frames
between them (C{frames}), and the clients in the owner (C{remote}).
"""
