"""How answers look, whichever door they leave by."""
