"""The search over layouts, formats, chunks, depths and splits, as arrays."""
