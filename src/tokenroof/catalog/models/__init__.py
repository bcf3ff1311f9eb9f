"""Models: the index, files of the catalogue, readers of published configurations."""
