"""The verb against the engine below it, and against the plain simulators where they cover what was asked."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from simulate.reference import Replica as Plain
from simulate.reference import Request
from simulate.reference_cache import CachedReplica
from simulate.reference_fleet import simulate as plainly

import tokenroof
from tokenroof.errors import InputError, TokenroofError
from tokenroof.present.pages.simulate import page_of
from tokenroof.present.text import text
from tokenroof.simulate.binding import prefill_rules_of, prefill_table_of, table_of, transfer_of
from tokenroof.simulate.disagg import Role, simulate_apart
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

TIGHT = {"memory_fraction": 0.26, "cache_tiers": "host-dram:1GB,nvme:2GB", "scale": 200.0}


def test_a_prefix_cache_is_the_engines() -> None:
    setup, answer = asked(**CACHED, **TIGHT)
    assert setup.kept is not None
    deployment = setup.deployment
    expected = follow(
        setup.requests, table_of(deployment), setup.rules, request_s=deployment.profile.outside_s(setup.requests.isl),
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
    more_s = setup.deployment.profile.outside_s(requests.isl)
    first_s, end_s = ([getattr(one, name) for one in slow.requests] for name in ("first_s", "end_s"))
    np.testing.assert_allclose(answer.outcome.first_s, first_s + more_s, rtol=1e-6)
    np.testing.assert_allclose(answer.outcome.end_s, end_s + more_s, rtol=1e-6)
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
        router="prefix-aware", request_s=setup.deployment.profile.outside_s(setup.requests.isl),
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


# ------------------------------------------------------------------ prefill and decode workers

APART = {
    "model": "llama-3.3-70b", "system": "8xh100", "prefill_layout": "tp4", "decode_layout": "tp2", "decode_workers": 2,
    "isl": "lognormal:2000:1", "osl": "exp:100",
}  # fmt: skip


def _roles(setup: Setup) -> tuple[Role, Role]:
    deployment = setup.deployment
    return (
        Role(times=prefill_table_of(deployment), rules=prefill_rules_of(deployment)),
        Role(times=table_of(deployment), rules=setup.rules, replicas=2),
    )


def test_prefill_and_decode_workers_are_the_engines_and_the_plain_fleets() -> None:
    setup, answer = asked(**APART, request_rate=3.0, requests=80, router="least-loaded")
    front, back = _roles(setup)
    send, more_s = transfer_of(setup.deployment), setup.deployment.profile.outside_s(setup.requests.isl)
    expected = simulate_apart(setup.requests, front, back, send, router="least-loaded", request_s=more_s)
    _equal(answer.outcome, expected)
    requests = setup.requests
    slow = plainly(
        requests.arrival_s.tolist(), requests.isl.tolist(), requests.osl.tolist(),
        [(one.rules, one.times, one.replicas) for one in (front, back)], transfer=send, router="least-loaded",
    )  # fmt: skip
    np.testing.assert_allclose(answer.outcome.first_s, np.array(slow.first_s) + more_s, rtol=1e-6)
    np.testing.assert_allclose(answer.outcome.end_s, np.array(slow.end_s) + more_s, rtol=1e-6)
    assert (answer.prefill_workers, answer.decode_workers, answer.replicas) == (1, 2, 1)
    sent = [send(isl) for isl, osl in zip(requests.isl[8:].tolist(), requests.osl[8:].tolist(), strict=True) if osl > 1]
    assert answer.kv_transfer is not None and answer.kv_transfer.mean == pytest.approx(np.mean(sent), rel=1e-6)
    assert answer.decode_wait is not None and answer.decode_wait.mean >= 0.0


def test_a_ratio_of_workers_stands_for_layouts_and_numbers() -> None:
    named, _ = asked(**APART, request_rate=1.0, requests=50)
    ratio, _ = asked(**{**APART, "decode_workers": None}, disaggregate="1:2", request_rate=1.0, requests=50)
    assert ratio.deployment.layout == named.deployment.layout
    assert ratio.deployment.prefill_workers.workers == 1  # type: ignore[union-attr]
    degrees = {"model": "llama-3.3-70b", "system": "8xh100", "tp": 2, "isl": "1000", "osl": "100"}
    both, answer = asked(**degrees, disaggregate="1:3", request_rate=1.0, requests=50)
    assert both.deployment.layout.tp == both.deployment.prefill_workers.layout.tp == 2  # type: ignore[union-attr]
    assert (answer.layout_label, answer.decode_workers) == ("1 x (tp2) : 3 x (tp2)", 3)


def test_two_units_share_their_workers() -> None:
    """Twice the machine at twice the rate: any prefill worker sends to any that decodes."""
    _, answer = asked(**(APART | {"system": "16xh100"}), request_rate=6.0, requests=400)
    assert answer.replicas == 2
    assert set(answer.outcome.replica) == {0, 1, 2, 3} and set(answer.outcome.prefill_replica) == {0, 1}  # type: ignore[attr-defined]


def test_a_light_load_is_a_request_alone() -> None:
    """Nobody meets anybody: a prompt alone, its cache over the link, and decode steps of one."""
    setup, answer = asked(**(APART | {"isl": "2000", "osl": "100"}), request_rate=0.02, requests=30, warmup=0.0)
    front, back = _roles(setup)
    first_s = front.times([(0, 0, [(2000, 2000)])]) + setup.deployment.profile.outside_s(2000)
    steps_s = sum(back.times([(1, 2000 + token, ())]) for token in range(1, 100))
    seen_s = first_s + transfer_of(setup.deployment)(2000)
    assert answer.ttft.p50 == pytest.approx(seen_s, rel=1e-6)  # type: ignore[union-attr]
    assert answer.e2e.p50 == pytest.approx(seen_s + steps_s, rel=1e-6)  # type: ignore[union-attr]
    assert answer.prefill_duty_cycle == pytest.approx(0.02 * first_s, rel=0.4)


def test_decode_workers_that_do_not_keep_up_are_an_overload() -> None:
    """One worker prefills faster than one decodes: prompts wait little, first tokens long."""
    _, answer = asked(
        model="llama-3.3-70b", system="8xh100", prefill_layout="tp4", decode_layout="tp4", isl="500", osl="1000",
        request_rate=12.0, requests=3000,
    )  # fmt: skip
    assert answer.overload is not None and answer.overload.waiting > 300
    assert 1.0 < answer.decode_wait.p50 < answer.ttft.p50 < answer.decode_wait.p50 + 1.0  # type: ignore[union-attr, operator]
    assert answer.waiting_most > 300
    assert "a decode step of one decode worker" in " ".join(text(page_of(answer)).split())


def test_prefill_workers_keep_prefixes() -> None:
    layouts = {"prefill_layout": "tp1", "decode_layout": "tp1", "model": "llama-3.1-8b", "system": "2xh100"}
    setup, cold = asked(**layouts, trace=CHAT, scale=20.0)
    _, warm = asked(**layouts, trace=CHAT, scale=20.0, prefix_cache="block", cache_tiers="host-dram:8GB")
    assert warm.cache_hit_rate is not None and warm.cache_hit_rate > 0.6
    assert warm.prefill_duty_cycle < 0.6 * cold.prefill_duty_cycle  # type: ignore[operator]
    assert warm.kv_transfer.mean == pytest.approx(cold.kv_transfer.mean)  # type: ignore[union-attr]  # all of a prompt's cache is sent
    assert warm.cache_hits[0].blocks == prefill_rules_of(setup.deployment).blocks // 32


def test_users_of_disaggregated_deployments_read(tmp_path: Path) -> None:
    _, answer = asked(**(APART | {"isl": "1000", "osl": "100"}), users=30.0, think=10.0, requests=500)
    assert answer.requests_per_s * (10.0 + answer.e2e.mean) == pytest.approx(30, rel=0.1)  # type: ignore[union-attr]


LAYOUTS = {"prefill_layout": "tp2", "decode_layout": "tp2"}


def test_files_name_both_workers(tmp_path: Path) -> None:
    answer = tokenroof.simulate(
        "llama-3.3-70b",
        "8xh100",
        prefill_layout="tp4",
        decode_layout="tp4",
        request_rate=1,
        requests=20,
        isl=500,
        osl=50,
    )
    answer.save(tmp_path / "a.csv", tmp_path / "a.json")
    with (tmp_path / "a.csv").open(encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    assert float(row["first_token_s"]) <= float(row["sent_s"]) + 0.1 <= float(row["joined_s"]) + 0.1
    assert row["prefill_replica"] == row["replica"] == "0"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"disaggregate": "1-3", "tp": 2}, "disaggregate = '1-3': must be P:D"),
        ({"disaggregate": "0:3", "tp": 2}, "disaggregate = '0:3': must be P:D"),
        ({"disaggregate": "1:3"}, "given with `prefill_layout` and `decode_layout`"),
        (
            LAYOUTS | {"disaggregate": "1:3", "decode_workers": 2},
            "decode_workers = 2: must be left out",
        ),
        ({"disaggregate": "1:9", "tp": 2}, "at most 8 GPUs on 8xh100"),
        ({"prefill_layout": "tp2"}, "prefill_layout = 'tp2': must be given with `decode_layout`"),
        (
            {"disaggregate": "1:3", "tp": 2, "scheduler": "static"},
            "scheduler = 'static': must be another where",
        ),
    ],
)
def test_what_cannot_be_disaggregated_is_one_line(options: dict[str, object], says: str) -> None:
    with pytest.raises(TokenroofError) as raised:
        asked(model="llama-3.3-70b", system="8xh100", request_rate=1.0, isl="500", osl="50", **options)
    assert says in str(raised.value) and "\n" not in str(raised.value)


# ------------------------------------------------------------------ drafts

DRAFTED = {"model": "deepseek-v3", "system": "8xh200", "tp": 8, "ep": 8, "drafts": 2, "acceptance": 0.7}


def test_drafts_are_the_engines_and_the_plain_simulators() -> None:
    setup, answer = asked(**DRAFTED, request_rate=4.0, requests=60, isl="exp:1000", osl="exp:60", seed=5)
    rules, table, more_s = (
        setup.rules,
        table_of(setup.deployment),
        setup.deployment.profile.outside_s(setup.requests.isl),
    )
    assert (rules.drafts, rules.acceptance, rules.seed) == (2, 0.7, 5)
    _equal(answer.outcome, follow(setup.requests, table, rules, request_s=more_s))
    requests = setup.requests
    slow = Plain([Request(at, int(requests.isl[at]), int(requests.osl[at])) for at in range(60)], rules, table)
    slow.coming = list(zip(requests.arrival_s.tolist(), range(60), strict=True))
    slow.run()
    first_s, end_s = ([getattr(one, name) for one in slow.requests] for name in ("first_s", "end_s"))
    np.testing.assert_allclose(answer.outcome.first_s, first_s + more_s, rtol=1e-6)
    np.testing.assert_allclose(answer.outcome.end_s, end_s + more_s, rtol=1e-6)
    steps = sum(one.decode_steps for one in slow.requests)
    assert answer.tokens_per_step == pytest.approx(int((requests.osl - 1).sum()) / steps)


def test_tokens_per_step_are_those_of_the_formula_and_the_seed_draws_others() -> None:
    """Long answers, so that what the last step has too much of does not count: 1 + 0.7 + 0.49."""
    options = DRAFTED | {"request_rate": 0.5, "isl": "500", "osl": "2000", "requests": 200}
    _, answer = asked(**options)
    _, other = asked(**options, seed=1)
    assert answer.tokens_per_step == pytest.approx(2.19, abs=0.01)
    assert other.tokens_per_step == pytest.approx(2.19, abs=0.01) and other.tokens_per_step != answer.tokens_per_step
    _, plain = asked(**(options | {"drafts": None, "acceptance": None}))
    assert (plain.drafts, plain.acceptance, plain.tokens_per_step) == (0, None, None)
    assert answer.tpot.mean < 0.65 * plain.tpot.mean  # type: ignore[union-attr]
    assert answer.tpot.mean == pytest.approx(answer.closed_form.tpot_s, rel=0.1)  # type: ignore[union-attr]
    # a stream has a chunk for each step, 2.19 tokens apart
    assert answer.itl.mean == pytest.approx(2.19 * answer.tpot.mean, rel=0.01)  # type: ignore[union-attr]
    assert answer.itl.p50 == pytest.approx(2.19 * answer.closed_form.tpot_s, rel=0.1)  # type: ignore[union-attr]
    shown = " ".join(text(page_of(answer)).split())
    assert "tokens per step 2.19 of a request, mean; 2 drafts accepted at 0.7" in shown and "| drafts |" not in shown


def test_decode_workers_draft() -> None:
    _, answer = asked(
        **(DRAFTED | {"system": "16xh200"}), disaggregate="1:1", request_rate=2.0, requests=100, osl="500"
    )
    assert answer.tokens_per_step == pytest.approx(2.19, abs=0.03) and answer.decode_workers == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"drafts": 2}, "drafts = 2: must be given with `acceptance`"),
        ({"acceptance": 0.5}, "acceptance = 0.5: must be given with `drafts`"),
        ({"drafts": 2, "acceptance": 1.5}, "acceptance = 1.5"),
        ({"drafts": 2, "acceptance": 0.5, "model": "llama-3.1-8b", "tp": 1, "ep": None}, "draft head"),
    ],
)
def test_what_cannot_be_drafted_is_one_line(options: dict[str, object], says: str) -> None:
    with pytest.raises(TokenroofError) as raised:
        asked(**({**DRAFTED, "drafts": None, "acceptance": None, "request_rate": 1.0} | options))
    assert says in str(raised.value) and "\n" not in str(raised.value)


def test_drafts_and_prefix_caches_do_not_go_with_each_other() -> None:
    with pytest.raises(InputError, match="off for static batches, reserved answers, drafts"):
        asked(**DRAFTED, trace=CHAT, prefix_cache="block")
