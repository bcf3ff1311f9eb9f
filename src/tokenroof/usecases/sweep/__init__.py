"""Grids of scenarios."""
