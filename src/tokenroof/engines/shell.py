"""What launch commands of several engines share."""

__all__ = ["CONTEXT_PARALLEL", "DECODE_CONTEXT", "lines"]

CONTEXT_PARALLEL = "context parallelism on GPUs of its own"
DECODE_CONTEXT = "decode context parallelism"


def lines(words: list[str]) -> str:
    """A command over several lines, flags with their values."""
    found, line = [], words[0]
    for word in words[1:]:
        if len(line) + len(word) > 96:
            found.append(line + " \\")
            line = "   "
        line += " " + word
    return "\n".join([*found, line])
