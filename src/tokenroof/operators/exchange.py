"""How tokens reach their experts between data-parallel groups: by which library, in which format, one batch or two."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

from tokenroof.errors import InputError
from tokenroof.types.dtype import dtype
from tokenroof.types.engine import Engine
from tokenroof.types.layout import GATHERED, SENT, Layout
from tokenroof.types.machine import Chip
from tokenroof.types.model import Model, WeightDtypes

__all__ = ["EXCHANGE", "PLAIN", "Exchange", "exchange_of", "ranks_sending", "ranks_together", "unused"]

EXCHANGE = ("moe_a2a_backend", "dispatch_dtype", "two_batch_overlap")
PLAIN = "bf16"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """The three settings of a Layout that belong together."""

    moe_a2a_backend: str = SENT
    dispatch_dtype: str = PLAIN
    two_batch_overlap: bool = False

    def on(self, layout: Layout) -> Layout:
        """A layout with these settings."""
        make = cast(Callable[..., Layout], replace)
        return make(layout, **asdict(self))


def exchange_of(
    engine: Engine, chip: Chip, model: Model, weights: WeightDtypes | None, given: Mapping[str, Any]
) -> Exchange:
    """Settings as they are given; else tokens are sent, in the format that the engine sends such weights' inputs in."""
    backend = given.get("moe_a2a_backend") or SENT
    stored = (model.weights if weights is None else weights).experts
    sent = given.get("dispatch_dtype")
    sent = engine.dispatched(stored, backend, chip) if sent is None else dtype(sent).name
    return Exchange(
        moe_a2a_backend=backend, dispatch_dtype=sent or PLAIN, two_batch_overlap=bool(given.get("two_batch_overlap"))
    )


def ranks_sending(layout: Layout, model: Model) -> int:
    """Ranks that send tokens to each other's experts; none where a group has all experts to itself."""
    return layout.stage if model.has_experts and layout.dp * layout.cp > 1 else 0


def ranks_together(layout: Layout, model: Model) -> int:
    """The most ranks that sum, or send tokens to each other's experts."""
    return max(layout.tp * layout.cp, ranks_sending(layout, model))


def unused(layout: Layout | None, model: Model, given: Mapping[str, Any]) -> InputError | None:
    """Why a setting changes nothing: no token leaves its rank on its way to experts, or nothing is hidden.

    Without a layout: why it changes nothing in any.
    """
    named = [name for name in EXCHANGE if given.get(name) not in (None, False)]
    sends = model.has_experts if layout is None else ranks_sending(layout, model) > 0
    if named and not sends:
        return InputError(
            named[0], given[named[0]], "left out: no token is sent to experts",
            "it needs a model with experts and `dp` above 1",
        )  # fmt: skip
    if given.get("two_batch_overlap") and given.get("moe_a2a_backend") == GATHERED:
        return InputError(
            "two_batch_overlap", True, "left out where moe_a2a_backend is none",
            "engines hide only what a library sends beside their work",
        )  # fmt: skip
    return None
