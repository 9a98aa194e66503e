"""Birth states: distributions distilled from a network, and the recipes that sample synapses from them."""
