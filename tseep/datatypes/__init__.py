"""What the server keeps: databases of keys, their values and their times. Nothing here knows a client."""
