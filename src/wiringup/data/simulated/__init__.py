"""A simulated ventral stream: populations and observers whose true responses are known.

Nothing here was recorded. Every data set that leaves this room is marked as simulated and named so.
"""
