"""The web door: a page and an API on this machine alone."""
