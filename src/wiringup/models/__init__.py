"""Models of the ventral stream, and the small read-out interface through which they are questioned."""
