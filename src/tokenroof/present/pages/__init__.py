"""One page a verb: an answer as lines of text, the answer first."""
