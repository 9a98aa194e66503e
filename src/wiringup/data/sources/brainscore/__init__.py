"""Brain-Score's public data: where they lie, and their BrainIO files."""
