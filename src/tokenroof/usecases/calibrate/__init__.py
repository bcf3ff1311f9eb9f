"""A profile of one's own, fitted to one's own results."""
