"""What was measured, kept: records, the store, statistics and published numbers. Never imports torch."""
