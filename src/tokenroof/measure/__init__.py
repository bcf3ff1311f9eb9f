"""Measured runs and kernels: readers, fits. Beside the model: how far from the roof, and why."""
