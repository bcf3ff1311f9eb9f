"""What `plan` is asked."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from tokenroof.errors import InputError
from tokenroof.types.limits import OneOf, TpotLimits, TtftLimits, Within
from tokenroof.types.scenario import APART, MODES, Scenario

__all__ = ["EVEN", "OBJECTIVES", "PlanRequest", "words_of"]

EVEN = 0.5  # the confidence with which a limit holds that the prediction just meets
OBJECTIVES = ("cost", "throughput", "latency", "energy")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest(Scenario):
    """A scenario with its layout open, on one or several systems.

    `system`, `weight_dtype` and `kv_dtype` may name several with commas between them; formats left out are the
    checkpoint's own and narrower ones that the chip multiplies natively. Degrees that are given are held. Without a
    load the machine is filled; with one only the machines that it needs are paid for, whole: `rent_by` GPUs at a time,
    by default the domain of `system`. `gpus` is how many are at hand, each by itself.
    Limits hold with a probability of `confidence` each, by the profile's range (by default 0.5:
    the prediction itself meets them).
    `ttft` and `tpot` are limits on means, or on percentiles such as "p99:2s": the simulator then has a say.
    `prefill_layout` and `decode_layout`, `prefill_workers` and `decode_workers` are held where they are given, and on
    `decode_system` answers have a machine of their own: prompts and answers then never share GPUs.
    `acceptance` allows drafts, up to `drafts` of them (by default 4).
    """

    alone: ClassVar[frozenset[str]] = frozenset({"acceptance", "decode_system", "prefill_workers", "decode_workers"})

    ttft: TtftLimits = None  # type: ignore[assignment]
    tpot: TpotLimits = None  # type: ignore[assignment]
    mode: Annotated[str, OneOf(MODES)] = "auto"
    gpus: Annotated[int | None, Within(1, 100_000, "GPUs")] = None
    rent_by: Annotated[int | None, Within(1, 100_000, "GPUs")] = None
    objective: Annotated[str, OneOf(OBJECTIVES)] = "cost"
    confidence: Annotated[float | None, Within(0.5, 0.999)] = None
    alternatives: Annotated[int, Within(0, 50)] = 5
    measured: str | None = None

    @property
    def apart(self) -> bool:
        """Whether the question leaves no room for prompts and answers on the same GPUs."""
        return any(getattr(self, name) is not None for name in APART)


def words_of(field: str, text: str | None) -> tuple[str, ...]:
    """The names in a list with commas; none where it is left out."""
    if text is None:
        return ()
    words = tuple(word.strip() for word in text.split(",") if word.strip())
    if not words:
        raise InputError(field, text, "a name, or several with commas between them")
    return words
