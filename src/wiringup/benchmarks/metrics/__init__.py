"""Scoring formulas: arrays in, arrays out."""
