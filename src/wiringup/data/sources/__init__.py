"""Data sets by name: where the published ones lie, how they are fetched and read; imported ones."""
