"""How published series of benchmark runs were launched: settings that their tables leave out, by series.

A prediction of a run needs to know what the server was told: the format of the cache, the token budget of a pass, how
long it holds prompts back. Where a series publishes its scripts or conventions they are data here, with their source.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tokenroof.catalog.facts import read_toml
from tokenroof.catalog.machine_index import DATA

__all__ = ["Launch", "launch_settings"]

_CONDITIONS = frozenset(
    {
        "engine",
        "chips",
        "models",
        "weights",
        "isl",
        "osl",
        "tp_below",
        "concurrency_from",
        "row",
        "groups_from",
        "apart",
        "drafted",
        "prefillers",
        "decoders",
        "ep",
        "since",
        "before",
        "load",
    }
)

_EXACT = ("isl", "osl", "ep", "apart", "drafted", "prefillers", "decoders", "load")


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """Settings of one run; None where nobody says. `nominal`: whether given lengths are means or the longest.

    `generated` is how many tokens every answer has, where the client counted the text that it got anew,
    `drafts` the tokens guessed at once in runs with drafts, `accepted` how often a guess is right on the series'
    prompts, over how often it is on those that the catalogue's acceptance was measured on.
    `spare_tokens`: the budget of a pass is the longest prompt, a token of every request and so many more. `warmed`:
    requests were answered before those that count, so that nothing was compiled while they waited. `experts_whole` and
    `attention_apart`: experts, and the attention of a request, lay whole on one rank, which the table had no word for.
    Of runs with workers of their own for prompts `token_budget` is that of a group of those, `max_sequences` and
    `memory_fraction` are of those that decode. `planned`: the host plans the work of attention before each pass
    (FlashInfer's latent attention). `generation` is the engine's where its version alone does not say it,
    `scheduler_steps` how many passes its host plans at once. `ahead`: it plans while another pass runs.
    `stream_interval`: passes after which tokens are sent. How tokens reached experts is told as in Layout.
    """

    chip: str | None = None
    kv_dtype: str | None = None
    token_budget: float | None = None
    memory_fraction: float | None = None
    max_sequences: float | None = None
    wait_passes: float = 0.0
    gather_passes: float = 0.0
    range_ratio: float | None = None
    requests: float | None = None
    requests_per_concurrency: float | None = None
    nominal: str = "mean"
    generated: float | None = None
    drafts: int | None = None
    accepted: float = 1.0
    spare_tokens: float | None = None
    warmed: bool = False
    experts_whole: bool = False
    attention_apart: bool = False
    planned: bool = False
    generation: str | None = None
    scheduler_steps: float = 1.0
    ahead: bool | None = None
    stream_interval: float | None = None
    moe_a2a_backend: str | None = None
    dispatch_dtype: str | None = None
    two_batch_overlap: bool | None = None


@functools.cache
def _series() -> tuple[Mapping[str, Any], ...]:
    tables = [read_toml(path) for path in sorted((DATA / "launch").glob("*.toml"))]
    return tuple(one for table in tables for one in table["series"])


def _applies(rule: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    model, concurrency = facts["model"], facts["concurrency"]
    return (
        rule.get("engine", facts["engine"]) == facts["engine"]
        and facts["chip"] in rule.get("chips", (facts["chip"],))
        and any(part in model for part in rule.get("models", (model,)))
        and facts["weights"].startswith(rule.get("weights", ""))
        and rule.get("row", "") in facts["row"]
        and rule.get("since", "") <= facts["date"]
        and (not facts["date"] or facts["date"] < rule.get("before", "9"))
        and all(name not in rule or rule[name] == facts[name] for name in _EXACT)
        and (facts["tp"] or 1) < rule.get("tp_below", float("inf"))
        and facts["groups"] >= rule.get("groups_from", 0)
        and (concurrency or 0) >= rule.get("concurrency_from", 0)
    )


def launch_settings(
    source: str,
    *,
    engine: str,
    chip: str,
    model: str,
    weights: str,
    isl: float | None,
    osl: float | None,
    tp: int | None,
    concurrency: float | None,
    row: str = "",
    date: str = "",
    groups: int = 1,
    ep: int = 1,
    drafted: bool = False,
    prefillers: int = 0,
    decoders: int = 1,
    load: str = "",
) -> Launch:
    """What is known of how a run of the series `source` was launched.

    `row` is the run's name in its table, `date` when it was made (year-month-day; blank is before every change),
    `groups` its degree of data-parallel attention, `load` "max" where requests are as many as the engine takes.
    `drafted`: answers were guessed ahead. `prefillers` workers only prefilled, beside `decoders` of the layout.
    """
    facts = {
        "engine": engine, "chip": chip, "model": model, "weights": weights, "isl": isl, "osl": osl, "tp": tp,
        "concurrency": concurrency, "row": row, "date": date, "groups": groups, "ep": ep, "load": load,
        "drafted": drafted, "prefillers": prefillers, "decoders": decoders, "apart": prefillers > 0,
    }  # fmt: skip
    found: dict[str, Any] = {}
    for series in _series():
        if any(part in source.lower() for part in series["match"]):
            found |= {key: value for key, value in series.items() if key not in ("match", "rule")}
            for rule in series.get("rule", ()):
                if _applies(rule, facts):
                    found |= {key: value for key, value in rule.items() if key not in _CONDITIONS}
    return Launch(**found)
