"""Offers whose model is public: what deduction is calibrated on and checked against."""

from dataclasses import dataclass
from functools import lru_cache

from tokenroof.catalog.models.index import load_model, model_ids
from tokenroof.catalog.offers.index import in_usd, list_offers, market_models, market_offer, spread_of
from tokenroof.errors import UnknownName
from tokenroof.infer.evidence import Evidence, evidence_of
from tokenroof.mixers.architecture import active_params, total_params
from tokenroof.mixers.architecture_cache import kv_growth_bytes_per_token, kv_read_bytes_per_step

__all__ = ["Case", "Truth", "known_truths", "open_cases", "truth_of"]

_LONG = 131_072.0  # tokens: windows are full and the scan dominates

# who trained the weights, by the start of the catalogue id: a lab, not a host, is what a case belongs to
_LABS = {
    "deepseek": "DeepSeek", "gemma": "Google", "glm": "Zhipu", "gpt-oss": "OpenAI", "hy3": "Tencent",
    "kimi": "Moonshot", "llama": "Meta", "mimo": "Xiaomi", "minimax": "MiniMax", "mistral": "Mistral",
    "qwen": "Alibaba", "step": "StepFun",
}  # fmt: skip
# sellers on machines that the table of infer.machines does not have
_OTHER_HARDWARE = ("cerebras", "groq")


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What the catalogue says of a model, in the unknowns of deduction. KV bytes are 16-bit, at long context."""

    total_params: float
    active_params: float
    kv_bytes_per_token: float
    scan_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One offer with its truth. `seller` leads on to whether it is a host's, a lab's own or a market's median."""

    evidence: Evidence
    model: str
    lab: str
    truth: Truth


@lru_cache(maxsize=256)
def truth_of(model_id: str) -> Truth | None:
    """Architecture figures from the catalogue; None where the catalogue does not have the model."""
    model = None
    for name in (model_id, f"{model_id}-nvfp4"):  # a quantised copy has the same shape
        try:
            model = load_model(name)
            break
        except UnknownName:
            continue
    if model is None:
        return None
    growth = kv_growth_bytes_per_token(model)
    if growth <= 0:
        return None
    return Truth(
        total_params=float(total_params(model)),
        active_params=active_params(model).without_input_embedding,
        kv_bytes_per_token=growth,
        scan_fraction=min(1.0, kv_read_bytes_per_step(model, _LONG) / (_LONG * growth)),
    )


_COPIES = ("-fp8", "-nvfp4")  # the same architecture in other weights


def known_truths() -> tuple[tuple[str, Truth], ...]:
    """Every architecture of the catalogue that keeps a growing cache, quantised copies left out."""
    found = [(name, truth_of(name)) for name in model_ids() if not name.endswith(_COPIES)]
    return tuple((name, truth) for name, truth in found if truth is not None)


def _lab(model_id: str) -> str:
    return next(lab for start, lab in _LABS.items() if model_id.startswith(start))


@lru_cache(maxsize=1)
def open_cases() -> tuple[tuple[Case, ...], tuple[str, ...]]:
    """Every offer of open weights whose model the catalogue knows, and the offers left out for want of it."""
    offers = [market_offer(model) for model in market_models() if spread_of(model) is not None]
    offers += [in_usd(offer)[0] for offer in list_offers() if offer.model and offer.seller not in _OTHER_HARDWARE]
    cases, missing = [], []
    for offer in offers:
        assert offer.model is not None
        truth = truth_of(offer.model)
        if truth is None:
            missing.append(offer.id)
            continue
        cases.append(Case(evidence=evidence_of(offer), model=offer.model, lab=_lab(offer.model), truth=truth))
    return tuple(cases), tuple(missing)
