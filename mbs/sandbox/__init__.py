"""A sandbox for work on what strangers hand in: a child process with limits, whose death is one sentence.

`process.run` starts it and answers its questions, `child` is what runs inside, `limits` are its bounds and say what
became of it. The child has no connection, no password and no settings in its environment: what it needs from the
registry or from Koji it asks its parent, and what it gives back is JSON, read strictly.
"""
