"""How many machines a load keeps busy."""

from tokenroof.registry import formula
from tokenroof.types.quantities import Number, RequestsPerS, Seconds, SecondsPerRequest, Tokens, TokensPerS
from tokenroof.xp import SCALAR, Namespace


@formula(increasing=("tokens",), decreasing=("tokens_per_s", "window_s"))
def machines_in_use(*, tokens: Tokens, tokens_per_s: TokensPerS, window_s: Seconds, xp: Namespace = SCALAR) -> Number:
    """Machines that a token count keeps busy on average over a window, each at `tokens_per_s`.

    Formula: n / (rate * window)
    Source: DeepSeek's inference system overview, day 6 (DS5): 95.5 prefill and 131.4 decode nodes.
    """
    return tokens / (tokens_per_s * window_s)


@formula(increasing=("service_s", "rate"))
def busy_machines(*, service_s: SecondsPerRequest, rate: RequestsPerS, xp: Namespace = SCALAR) -> Number:
    """Machines that a request rate keeps busy.

    Formula: rate * t
    Source: Little 1961.
    """
    return rate * service_s
