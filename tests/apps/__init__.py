"""
Real applications, end to end, against tseep in each mode, and against redis-server, which shows that the test is right.

They are installed with the extra C{apps} and run by C{make apps}.
"""
