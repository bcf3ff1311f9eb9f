"""From public prices back to what a model can be."""
