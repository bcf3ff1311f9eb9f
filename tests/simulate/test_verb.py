"""The verb against the engine below it, and against the plain simulators where they cover what was asked."""

import json
from pathlib import Path

import numpy as np
import pytest
from simulate.reference import Request
from simulate.reference_cache import CachedReplica

from tokenroof.errors import InputError, TokenroofError
from tokenroof.present.pages.simulate import page_of
from tokenroof.present.text import text
from tokenroof.simulate.binding import table_of
from tokenroof.simulate.run import Outcome
from tokenroof.simulate.run import simulate as follow
from tokenroof.usecases.simulate.answer import SimulateResponse
from tokenroof.usecases.simulate.request import SimulateRequest
from tokenroof.usecases.simulate.run import simulate
from tokenroof.usecases.simulate.setup import Setup, set_up

CHAT = str(Path(__file__).resolve().parents[2] / "examples/traces/chat.jsonl")
FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
LLAMA = {"model": "llama-3.1-8b", "system": "h100"}
CACHED = LLAMA | {"trace": CHAT, "prefix_cache": "block"}


def asked(**options: object) -> tuple[Setup, SimulateResponse]:
    """The question made ready, and its answer."""
    request = SimulateRequest(**options)  # type: ignore[arg-type]
    setup, answer = set_up(request), simulate(request)
    assert isinstance(setup, Setup) and isinstance(answer, SimulateResponse)
    return setup, answer


def _equal(found: Outcome, expected: Outcome) -> None:
    for name in ("arrival_s", "started_s", "first_s", "end_s", "replica"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    assert (found.steps, found.put_back, found.rejected) == (expected.steps, expected.put_back, expected.rejected)


# ------------------------------------------------------------------ prefix caches

TIGHT = {"memory_fraction": 0.24, "cache_tiers": "host-dram:1GB,nvme:2GB", "scale": 200.0}


def test_a_prefix_cache_is_the_engines() -> None:
    setup, answer = asked(**CACHED, **TIGHT)
    assert setup.kept is not None
    deployment = setup.deployment
    expected = follow(
        setup.requests, table_of(deployment), setup.rules, request_s=deployment.profile.request_s,
        cache=setup.kept.tiers,
    )  # fmt: skip
    _equal(answer.outcome, expected)
    found = [int(column[21:].sum()) for column in expected.cached_tokens]  # a tenth of 212 is left out
    assert [one.cached_tokens for one in answer.cache_hits] == found and min(found) > 0
    prompts = int(expected.isl[21:].sum())
    assert answer.cache_hit_rate == pytest.approx(sum(found) / prompts)
    assert [one.tier for one in answer.cache_hits] == ["hbm", "host-dram", "nvme-small"]


def test_a_prefix_cache_is_the_plain_simulators() -> None:
    setup, answer = asked(**CACHED, **TIGHT, requests=60)
    requests, tiers = setup.requests, setup.kept.tiers  # type: ignore[union-attr]
    slow = CachedReplica(
        [Request(at, int(requests.isl[at]), int(requests.osl[at])) for at in range(60)],
        setup.rules, table_of(setup.deployment), [requests.blocks(at).tolist() for at in range(60)], tiers.blocks,
        tiers.reload_s,
    )  # fmt: skip
    slow.think_s = 0.0
    slow.coming = list(zip(requests.arrival_s.tolist(), range(60), strict=True))
    slow.run()
    more_s = setup.deployment.profile.request_s
    np.testing.assert_allclose(answer.outcome.first_s, [one.first_s + more_s for one in slow.requests], rtol=1e-6)
    np.testing.assert_allclose(answer.outcome.end_s, [one.end_s + more_s for one in slow.requests], rtol=1e-6)
    assert answer.outcome.hit_tokens == tuple(slow.hit_tokens) and answer.preemptions == slow.preemptions


def test_tiers_hold_and_bring_back_what_each_gpu_has_of_them() -> None:
    """Llama-3.1-8B keeps 131,072 bytes a token: 67.1 MB for 512; over two GPUs each has half of it."""
    one, _ = asked(**CACHED, cache_tiers="host-dram:10GB")
    two, _ = asked(**(CACHED | {"system": "2xh100"}), tp=2, cache_tiers="host-dram:10GB")
    block = 512 * 131_072
    assert one.kept is not None and two.kept is not None
    assert (one.kept.tiers.blocks, two.kept.tiers.blocks) == ((149,), (298,))
    assert one.kept.tiers.reload_s == pytest.approx((block / 64e9,))
    assert two.kept.tiers.reload_s == pytest.approx((block / 2 / 64e9,))
    assert one.rules.blocks == one.deployment.memory().cache_pool_bytes // (block / 32) // 32


def test_what_is_cached_is_not_prefilled_and_shows() -> None:
    _, cold = asked(**LLAMA, trace=CHAT, scale=20.0)
    _, warm = asked(**CACHED, scale=20.0)
    assert warm.cache_hit_rate is not None and warm.cache_hit_rate > 0.6
    assert warm.ttft.mean < 0.7 * cold.ttft.mean  # type: ignore[union-attr]
    assert warm.closed_form.ttft_s < 0.7 * cold.closed_form.ttft_s  # type: ignore[operator]
    assert (cold.prefix_cache, cold.cache_hit_rate, cold.cache_hits) == ("off", None, ())
    page = text(page_of(warm))
    assert f"cache hits             {100 * warm.cache_hit_rate:.1f} %" in page and "prefix caches" not in page
    assert "Left out   prefix caches" in text(page_of(cold))


def test_a_router_that_looks_into_caches_finds_more() -> None:
    several = CACHED | {"system": "4xh100", "tp": 1, "scale": 80.0}
    _, blind = asked(**several)
    setup, seeing = asked(**several, router="prefix-aware")
    assert seeing.cache_hit_rate > blind.cache_hit_rate + 0.1  # type: ignore[operator]
    assert setup.kept is not None
    expected = follow(
        setup.requests, table_of(setup.deployment), setup.rules, cache=setup.kept.tiers, replicas=4,
        router="prefix-aware", request_s=setup.deployment.profile.request_s,
    )  # fmt: skip
    _equal(seeing.outcome, expected)


def test_the_search_for_a_rate_keeps_the_cache() -> None:
    _, answer = asked(**CACHED, rates="1:4:3")
    assert [one.cache_hit_rate is not None for one in answer.loads] == [True] * 3


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"request_rate": 1.0, "prefix_cache": "block"}, "prefix_cache = 'block': must be off for requests that"),
        ({"trace": CHAT, "cache_tiers": "nvme:1TB"}, "cache_tiers = 'nvme:1TB': must be given with `prefix_cache`"),
        ({"trace": CHAT, "prefix_cache": "lru"}, "prefix_cache = 'lru': must be one of off, block"),
        ({"request_rate": 1.0, "router": "prefix-aware"}, "router = 'prefix-aware': must be given with `prefix_cache`"),
        (CACHED | {"cache_tiers": "nvme"}, "cache_tiers = 'nvme': must be NAME:SIZE with commas"),
        (CACHED | {"cache_tiers": "nvme:5"}, "cache_tiers = 'nvme:5': must be NAME:SIZE with commas"),
        (CACHED | {"cache_tiers": "nvme:-1TB"}, "sizes above 0"),
        (CACHED | {"cache_tiers": "nvme:1MB"}, "at least one block of 512 tokens, 67.11 MB on a GPU"),
        (CACHED | {"cache_tiers": "nvme:1TB,flash:1TB"}, "each tier once"),
        (CACHED | {"cache_tiers": "tape:1TB"}, "unknown memory tier 'tape'"),
        (CACHED | {"scheduler": "static"}, "prefix_cache = 'block': must be off for static batches"),
    ],
)  # fmt: skip
def test_what_cannot_be_cached_is_one_line(options: dict[str, object], says: str) -> None:
    with pytest.raises(TokenroofError) as raised:
        asked(**(LLAMA | options))
    assert says in str(raised.value) and "\n" not in str(raised.value)


def test_a_trace_without_ids_has_nothing_to_keep(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("arrival_s,isl,osl\n0,100,5\n1,100,5\n", encoding="utf-8")
    with pytest.raises(InputError, match="without ids of prompt blocks"):
        asked(**LLAMA, trace=str(path), prefix_cache="block")


def test_a_model_without_a_cache_by_the_token_has_nothing_to_keep(tmp_path: Path) -> None:
    config = json.loads((FIXTURES / "configs/nemotron_h.json").read_text(encoding="utf-8"))
    config["layers_block_type"] = [one.replace("attention", "mamba") for one in config["layers_block_type"]]
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(InputError, match="keeps nothing by the token"):
        asked(**(CACHED | {"model": str(path)}))
