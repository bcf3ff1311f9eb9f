"""Offers whose model is public: what deduction is calibrated on and checked against."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from tokenroof.catalog.models.index import load_model, model_ids
from tokenroof.catalog.offers.history import (
    Median,
    Sheet,
    first_party_sheets,
    host_medians,
    released,
    sizes_of,
    speed_of,
)
from tokenroof.catalog.offers.index import in_usd, list_offers
from tokenroof.errors import UnknownName
from tokenroof.infer.evidence import Evidence, evidence_of
from tokenroof.infer.labs import is_product, lab_of
from tokenroof.infer.population import Member, years
from tokenroof.mixers.architecture import active_params, total_params
from tokenroof.mixers.architecture_cache import kv_growth_bytes_per_token, kv_read_bytes_per_step

__all__ = [
    "EXAM_FROM", "EXAM_LABS", "OTHER_HARDWARE", "Case", "Truth", "architecture_of", "in_exam", "known_truths",
    "members", "open_cases", "truth_of",
]  # fmt: skip

_MTOK = 1e6
_SAME_PRICE = 0.02
_SAME_SIZE = 0.05  # on logarithms
_LONG = 131_072.0  # tokens: windows are full and the scan dominates

# Forms of channels and lines were chosen on the other labs, at prices first seen before this day: written down before
# either half was looked at.
EXAM_LABS = (
    "Ant", "DeepSeek", "Google", "MiniMax", "Mistral", "Moonshot", "NVIDIA", "OpenAI", "xAI",
)  # fmt: skip
EXAM_FROM = 2026.6
# sellers on machines that the table of infer.machines does not have
OTHER_HARDWARE = ("cerebras", "groq")


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
    architecture: str = ""


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
        sizes = sizes_of().get(model_id)
        if sizes is None:
            return None
        return Truth(
            total_params=sizes.total_params, active_params=sizes.active_params,
            kv_bytes_per_token=sizes.kv_bytes_per_token, scan_fraction=1.0,
        )  # fmt: skip
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
    names = [name for name in model_ids() if not name.endswith(_COPIES)]
    found = [(name, truth_of(name)) for name in (*names, *sizes_of())]
    return tuple((name, truth) for name, truth in found if truth is not None)


def in_exam(case: Case) -> bool:
    """Whether a case had no part in the choice of forms."""
    return case.lab in EXAM_LABS or case.evidence.priced >= EXAM_FROM


def _labs() -> dict[str, str]:
    return {model: lab_of(model) for model in released()}


def _alike(total_params: float, active_params: float, other: Truth) -> bool:
    """Whether totals are those of one set of weights, retrained or with another attention."""
    pairs = ((total_params, other.total_params), (active_params, other.active_params))
    return all(abs(math.log(one / another)) < _SAME_SIZE for one, another in pairs)


@lru_cache(maxsize=1)
def members() -> tuple[Member, ...]:
    """The architectures that are sold, each once: at its first release."""
    found: dict[tuple[float, ...], Member] = {}
    for model, day in sorted(released().items(), key=lambda item: item[1]):
        truth = truth_of(model)
        if truth is None:
            continue
        same = tuple(
            float(f"{value:.2g}") for value in (truth.total_params, truth.active_params, truth.kv_bytes_per_token)
        )
        lab = lab_of(model)
        like = (
            m.architecture for m in found.values() if m.lab == lab and _alike(m.total_params, m.active_params, truth)
        )
        member = Member(
            total_params=truth.total_params, active_params=truth.active_params,
            kv_bytes_per_token=truth.kv_bytes_per_token, released=years(day), lab=lab, product=is_product(model),
            architecture=next(like, model),
        )  # fmt: skip
        first = found.setdefault(same, member)
        if member.product and not first.product:  # a later model of it is sold
            found[same] = replace(first, product=True)
    return tuple(found.values())


def _usd(per_mtok: float | None) -> float | None:
    return None if per_mtok is None else per_mtok / _MTOK


def _median_case(median: Median, truth: Truth) -> Case:
    evidence = Evidence(
        offer=f"market/{median.model}@{median.as_of}", kind="market",
        input_usd_per_token=median.input_per_mtok / _MTOK, output_usd_per_token=median.output_per_mtok / _MTOK,
        cached_usd_per_token=_usd(median.cached_per_mtok), floor_usd_per_token=median.input_p10_per_mtok / _MTOK,
        floor_hosts=median.hosts, tokens_per_s=speed_of(median.model, median.as_of), priced=years(median.as_of),
        released=years(released()[median.model]), product=is_product(median.model),
    )  # fmt: skip
    return Case(evidence=evidence, model=median.model, lab=lab_of(median.model), truth=truth)


def _sheet_case(sheet: Sheet, truth: Truth) -> Case:
    evidence = Evidence(
        offer=f"{sheet.seller}/{sheet.model}@{sheet.as_of}", kind="open",
        input_usd_per_token=sheet.input_per_mtok / _MTOK, output_usd_per_token=sheet.output_per_mtok / _MTOK,
        cached_usd_per_token=_usd(sheet.cached_per_mtok), tokens_per_s=speed_of(sheet.model, sheet.as_of),
        priced=years(sheet.as_of), released=years(released()[sheet.model]), product=is_product(sheet.model),
    )  # fmt: skip
    return Case(evidence=evidence, model=sheet.model, lab=lab_of(sheet.model), truth=truth)


def _snapshot() -> tuple[list[Case], list[str]]:
    """Sheets of the snapshot with open weights: those that show steps and windows."""
    cases, missing = [], []
    for offer in list_offers():
        if not offer.model or offer.seller in OTHER_HARDWARE:
            continue
        truth = truth_of(offer.model)
        if truth is None:
            missing.append(offer.id)
            continue
        evidence = evidence_of(in_usd(offer)[0])
        # hosts' prices of the same weights are another case
        evidence = replace(
            evidence, kind="open", floor_usd_per_token=None, floor_hosts=None, product=is_product(offer.model)
        )
        cases.append(Case(evidence=evidence, model=offer.model, lab=lab_of(offer.model), truth=truth))
    return cases, missing


def _again(case: Case, others: Sequence[Case]) -> bool:
    """Whether the snapshot has the same price of the same weights."""
    price = case.evidence.input_usd_per_token
    return any(
        other.model == case.model and abs(other.evidence.input_usd_per_token / price - 1.0) < _SAME_PRICE
        for other in others
    )


def architecture_of(lab: str, model: str, truth: Truth) -> str:
    """The first model of the lab with such totals: what counts as one architecture."""
    same = (m.architecture for m in members() if m.lab == lab and _alike(m.total_params, m.active_params, truth))
    return next(same, model)


@lru_cache(maxsize=1)
def open_cases() -> tuple[tuple[Case, ...], tuple[str, ...]]:
    """Every dated price of open weights whose architecture is known, and the offers left out for want of one."""
    snapshot, missing = _snapshot()
    labs = _labs()
    sheets = [_sheet_case(s, t) for s in first_party_sheets(labs) if (t := truth_of(s.model)) is not None]
    medians = [_median_case(m, t) for m in host_medians(labs) if (t := truth_of(m.model)) is not None]
    cases = (*medians, *snapshot, *(one for one in sheets if not _again(one, snapshot)))
    named = (replace(case, architecture=architecture_of(case.lab, case.model, case.truth)) for case in cases)
    return tuple(named), tuple(missing)
