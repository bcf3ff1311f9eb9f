"""Curves over batch and context in one answer: what a front end evaluates while a handle moves."""
