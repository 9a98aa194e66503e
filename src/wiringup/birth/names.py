"""Short names of birth recipes, for readers that need no recipe."""

SHORT = {"kn": "kaiming_normal", "wc": "weight_compression"}
"""Short name -> recipe."""
