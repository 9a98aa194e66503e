"""Choices as anyone stores them: trials and counts, and the images that were judged."""
