"""This machine measured: its memory, its arithmetic, what a launch and a sum between ranks cost."""
