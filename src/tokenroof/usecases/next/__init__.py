"""Which runs to make next: those that narrow an answer most for their cost."""
