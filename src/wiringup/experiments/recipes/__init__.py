"""Recipes: functions that return the runs of a study. Each file begins with its command, cost and numbers."""
