"""Backwards: from public prices and speeds to what a model and its deployment can be."""
