"""Results of a user's own benchmark beside predictions: how far from the roof, and why."""
