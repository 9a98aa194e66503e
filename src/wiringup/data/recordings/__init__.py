"""Recordings and dissimilarities as anyone stores them: read, put in order and checked."""
