"""Speed, measured side by side in one run, as a ratio: ours against a plain reference on the same input."""
