"""Programs, timing and memory: counts over rates."""
