"""One drawing a module; matplotlib loads when one is drawn."""
