"""The measured code. Each case is a context manager from a Place to a round; see station.

Only here are runlore and its peers imported, and only inside the functions: the environment of the
peers has no runlore, and a case pays for nothing that it does not use.
"""
