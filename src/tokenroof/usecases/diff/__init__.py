"""Two scenarios side by side: which operators, bytes and rates make the difference."""
