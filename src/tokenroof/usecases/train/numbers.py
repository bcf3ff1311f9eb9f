"""The numbers of `train` from their inputs: plain floats, or numbers that know where they came from."""

from collections.abc import Mapping

from tokenroof.formulas import scaling_laws, training, training_optimum
from tokenroof.xp import SCALAR, Namespace, Num

__all__ = ["LEAST_TOKENS", "cheapest_at_loss", "loss_of", "served_tokens", "split_numbers"]

LEAST_TOKENS = 1.0  # served at least: what "without serving" stands for
_LAW = ("irreducible", "param_scale", "data_scale", "param_exponent", "data_exponent")

Inputs = Mapping[str, Num]


def served_tokens(x: Inputs, xp: Namespace = SCALAR) -> Num:
    """What is served in all: given, or a rate over a life."""
    if "inference_tokens" in x:
        return x["inference_tokens"]
    return training.served_tokens(tokens_per_s=x["tokens_per_s"], deployed_s=x["deployed_s"], xp=xp)


def loss_of(x: Inputs, params: Num, tokens: Num, xp: Namespace = SCALAR) -> Num:
    """Loss of `params` after `tokens` by the law among the inputs."""
    return scaling_laws.chinchilla_loss(
        params=params, tokens=tokens, irreducible=x["irreducible"], size_coefficient=x["param_scale"],
        data_coefficient=x["data_scale"], size_exponent=x["param_exponent"], data_exponent=x["data_exponent"], xp=xp,
    )  # fmt: skip


def split_numbers(x: Inputs, xp: Namespace = SCALAR) -> dict[str, Num]:
    """The lecture's heuristic: each phase takes its share of the cost. FLOP count the inefficiency of decode in."""
    params, served, times = x["params"], served_tokens(x, xp), x["inefficiency"]
    per_pre = training.inference_to_pretrain_tokens(
        inference_share=x["serving_share"], pretrain_share=x["pretrain_share"], inefficiency=times, xp=xp
    )
    pretrain = served / per_pre
    rl_cost = x["rl_flops_per_param_token"]
    rl = pretrain * training.rl_to_pretrain_tokens(
        rl_share=x["rl_share"], pretrain_share=x["pretrain_share"], flops_per_param_token=rl_cost, inefficiency=times,
        xp=xp,
    )  # fmt: skip
    return {
        "inference_tokens": served,
        "pretrain_tokens": pretrain,
        "rl_tokens": rl,
        "pretrain_flops": training.pretrain_flops(active_params=params, tokens=pretrain, xp=xp),
        "rl_flops": training.rl_flops(
            active_params=params, tokens=rl, flops_per_param_token=rl_cost, inefficiency=times, xp=xp
        ),
        "inference_flops": training.inference_flops(active_params=params, tokens=served, inefficiency=times, xp=xp),
        "overtraining": training.overtraining_factor(
            tokens=pretrain, active_params=params, tokens_per_param=x["tokens_per_param"], xp=xp
        ),
        "loss": loss_of(x, params, pretrain, xp),
    }


def cheapest_at_loss(x: Inputs, loss: Num, served: Num, xp: Namespace = SCALAR) -> dict[str, Num]:
    """Parameters, tokens and FLOP of the model that costs least to train and to serve at a loss."""
    law = {name: x[name] for name in _LAW if name not in ("irreducible", "param_scale")}
    same = {"loss": loss, "irreducible_loss": x["irreducible"], "inference_tokens": served,
            "inefficiency": x["inefficiency"], "xp": xp}  # fmt: skip
    params = training_optimum.fixed_loss_params(param_scale=x["param_scale"], **law, **same)
    tokens = training_optimum.fixed_loss_tokens(**law, **same)
    pre = training.pretrain_flops(active_params=params, tokens=tokens, xp=xp)
    serve = training.inference_flops(active_params=params, tokens=served, inefficiency=x["inefficiency"], xp=xp)
    return {"params": params, "tokens": tokens, "flops": pre + serve}
