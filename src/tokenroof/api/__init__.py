"""The Python door: one call a question, keywords spelled as options, answers that show themselves."""
