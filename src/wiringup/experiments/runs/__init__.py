"""One run: what it is, what it is made of, and how it is made, once, whoever else is at work on it."""
