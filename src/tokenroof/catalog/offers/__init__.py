"""Offers: public prices of tokens, dated, and what a bill comes to."""
