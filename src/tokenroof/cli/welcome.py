"""The page of `tokenroof` alone: what people come to ask, each with a command that runs as printed."""

__all__ = ["QUESTIONS", "welcome"]

QUESTIONS: tuple[tuple[str, str], ...] = (
    (
        "Does it fit, how fast is it, what does it cost?",
        "tokenroof analyze deepseek-v3 --system 8xh200",
    ),
    (
        "How many GPUs do my users need, and how do I set them up?",
        "tokenroof plan llama-3.3-70b --system 8xh100 --users 500 --ttft 1s --tpot 50ms",
    ),
    (
        "Rent GPUs, or buy tokens from an API?",
        "tokenroof break-even llama-3.3-70b --system 8xh100 --offer market/llama-3.3-70b",
    ),
    (
        "What do my tokens cost, by kind, speed and length?",
        "tokenroof price llama-3.3-70b --system 8xh100",
    ),
    (
        "Is my server as fast as it should be?",
        "tokenroof compare bench.json --system 4xh100 --tp 4",
    ),
    (
        "What does an API's price say about the model behind it?",
        "tokenroof deduce google/gemini-3.1-pro-preview",
    ),
)

_BELOW = (
    ("More", "web, report, calibrate, next, diff, simulate, speculate, kv, sweep, trace, train, validate"),
    ("Look up", "models, model, systems, chips, chip, offers, tiers, runs, lecture, roofline"),
    ("Make", "import, microbench, fit"),
    ("Trust", "median error on models it was not fitted to: TPOT 12 %, TTFT 20 %, throughput 10 %"),
    ("Help", "tokenroof VERB --help | tokenroof --install-completion"),
)


def welcome() -> str:
    """The page."""
    lines = ["tokenroof predicts what serving a language model costs and how fast it goes. No GPU needed.", ""]
    lines += ["What do you want to know?", ""]
    for question, command in QUESTIONS:
        lines += [f"  {question}", f"      {command}"]
    return "\n".join([*lines, "", *(f"{label:<10}{text}" for label, text in _BELOW)])
