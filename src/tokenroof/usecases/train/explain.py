"""Where numbers of `train` came from: the same formulas once more, on inputs that know their sources."""

from collections.abc import Mapping
from typing import Any

from tokenroof.errors import UnknownName
from tokenroof.operators.explain import Explanation, explain
from tokenroof.registry import nearest
from tokenroof.usecases.train.numbers import LEAST_TOKENS, cheapest_at_loss, split_numbers
from tokenroof.usecases.train.run import TrainResponse
from tokenroof.xp import Namespace, Num

__all__ = ["TRAIN_KEYS", "explain_train"]

_SPLIT = {
    "inference_tokens": "token", "pretrain_tokens": "token", "rl_tokens": "token", "pretrain_flops": "FLOP",
    "rl_flops": "FLOP", "inference_flops": "FLOP", "overtraining": "1", "loss": "1",
}  # fmt: skip
_OPTIMUM = {
    "optimum_params": "param", "optimum_tokens": "token", "optimum_flops": "FLOP", "alone_params": "param",
    "alone_tokens": "token", "alone_flops": "FLOP", "split_over_optimum": "1",
}  # fmt: skip
TRAIN_KEYS: Mapping[str, str] = {**_SPLIT, **_OPTIMUM}
LEFT_OUT = ("what quality users want", "data that runs out", "research runs that fail", "fine-tuning")


def explain_train(answer: TrainResponse, key: str) -> Explanation:
    """The derivation of one number of the equal split, or of the cheapest model at the same loss."""
    if key not in TRAIN_KEYS:
        raise UnknownName("number", key, nearest(key, TRAIN_KEYS), f"known: {', '.join(TRAIN_KEYS)}")
    if key == "split_over_optimum" and answer.optimum.split_over_optimum is None:
        raise UnknownName("number", key, (), "with a loss of its own the optimum is no rival of the split")
    if not answer.facts:
        raise TypeError("an answer read back from JSON has nothing to explain")

    def number(*, xp: Namespace, **x: Num) -> Any:
        split = split_numbers(x, xp)
        if key in _SPLIT:
            return split[key]
        loss = split["loss"] if answer.optimum.split_over_optimum is not None else answer.optimum.loss
        kind, _, name = key.partition("_")
        if key == "split_over_optimum":
            return (split["pretrain_flops"] + split["inference_flops"]) / cheapest_at_loss(
                x, loss, split["inference_tokens"], xp
            )["flops"]
        served = LEAST_TOKENS if kind == "alone" else split["inference_tokens"]
        return cheapest_at_loss(x, loss, served, xp)[name]

    return explain(number, answer.facts, name=key, unit=TRAIN_KEYS[key], left_out=LEFT_OUT)
