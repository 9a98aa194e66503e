"""Figures, tables and the report, drawn from results alone."""
