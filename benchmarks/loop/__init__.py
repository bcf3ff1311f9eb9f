"""The loop closed on a real engine: measure this machine, serve a model on it, predict what was measured."""
