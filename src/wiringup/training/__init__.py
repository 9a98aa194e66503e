"""Few supervised updates: which synapses move, and an exact count of every update."""
