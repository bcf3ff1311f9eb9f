"""One model on one machine: does it fit, how fast, what does it cost."""
