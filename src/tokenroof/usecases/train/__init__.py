"""Tokens and money under training."""
