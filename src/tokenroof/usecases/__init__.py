"""One module per job; the only floor that joins catalogue, engine and formulas."""
