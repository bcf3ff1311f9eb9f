"""The best deployment under limits."""
