"""Experts over several ranks: thin slices under tensor parallelism, busy ranks under expert parallelism, waiting."""

import random
from dataclasses import replace

import pytest

from tokenroof.catalog import load_chip, load_model, load_system
from tokenroof.catalog.efficiency import compose_profile, kernel_curves, profile_source
from tokenroof.measure.constants import PRIORS, profile_tables
from tokenroof.operators.lower import lower
from tokenroof.operators.program import touched
from tokenroof.operators.ranks import busiest_share, largest_deviate, longer, waited_s
from tokenroof.operators.table import operator_table
from tokenroof.operators.timing import bind
from tokenroof.types.efficiency import EVEN, PEAK, OperatorCurve, Routing
from tokenroof.types.layout import Layout
from tokenroof.types.program import Load
from tokenroof.xp import SCALAR

SKEWED = replace(PEAK, routing=Routing(skew=1.0, shape=1.2))


def _experts(model, layout):
    program = lower(load_model(model), layout)
    return program, next(row for row in program.operators if row.name == "experts down")


@pytest.mark.parametrize(
    ("model", "layout", "tile", "by_hand"),
    [
        ("gpt-oss-120b", Layout(tp=8), 256.0, (512 + 32 / 0.53125) / 360),  # 2,880 columns over 8 ranks, stored as 512
        ("gpt-oss-120b", Layout(tp=8), 1.0, (360 + 32 / 0.53125) / 360),
        ("deepseek-v3", Layout(tp=8), 1.0, 1 + 32 / 256),  # 2,048 columns of a byte each over 8 ranks
        ("deepseek-v3", Layout(tp=8, ep=8), 1.0, 1 + 32 / 2048),
        ("mixtral-8x7b", Layout(tp=2), 1.0, 1 + 32 / (14336 / 2 * 2)),
    ],
)
def test_slices_of_experts_are_longer_by_whole_tiles_and_by_where_their_rows_begin(model, layout, tile, by_hand):
    _, row = _experts(model, layout)
    curve = OperatorCurve(padding_bytes=32.0, tile_columns=tile)
    assert longer(row, curve) == pytest.approx(by_hand, rel=1e-3)  # by hand without the bytes of scales
    assert longer(row, OperatorCurve()) == 1.0


def test_ranks_wait_for_the_last_one_and_one_rank_for_none():
    program = lower(load_model("deepseek-v3"), Layout(tp=8))
    profile = replace(PEAK, skew_s_per_width=1e-9)
    found = [waited_s(profile, program, ranks, SCALAR) for ranks in (1, 2, 4, 8, 72)]
    assert found[0] == 0.0 and found[3] == pytest.approx(7168e-9)
    assert [one / found[3] for one in found] == pytest.approx([0.0, 0.396, 0.723, 1.0, 1.68], abs=0.005)


@pytest.mark.parametrize(("experts", "ranks"), [(256, 8), (384, 4), (128, 2)])
def test_the_busiest_rank_has_as_much_of_the_tokens_as_unequal_experts_give_one(experts, ranks):
    """Popularities drawn from a Gamma distribution, experts evenly on ranks: the largest sum over the mean one."""
    draw, most = random.Random(3), []
    for _ in range(400):
        popularity = [draw.gammavariate(1.2, 1 / 1.2) for _ in range(experts)]
        local = experts // ranks
        sums = [sum(popularity[at * local : (at + 1) * local]) for at in range(ranks)]
        most.append(max(sums) * ranks / sum(sums))
    share = 1.0 + largest_deviate(ranks, SCALAR) * (1.2 * experts / ranks) ** -0.5
    # a sum that is divided by its mean varies a little less
    assert share == pytest.approx(sum(most) / len(most), rel=0.03)


def test_one_rank_and_equal_experts_have_no_busy_rank():
    copied = Layout(tp=8, ep=8, redundant_experts=8)
    for layout, profile in ((Layout(tp=8), SKEWED), (Layout(), SKEWED), (Layout(tp=8, ep=8), PEAK), (copied, SKEWED)):
        program, row = _experts("deepseek-v3", layout)
        assert busiest_share(row, program, profile) == 1.0
    program, row = _experts("deepseek-v3", Layout(tp=8, ep=8))
    assert busiest_share(row, program, SKEWED) == pytest.approx(1 + 1.4225 * (1.2 * 32) ** -0.5, rel=1e-3)
    assert touched(32.0, 1 / 32, 9.0, 1, Routing(skew=1.0), SCALAR) == touched(32.0, 1 / 32, 9.0, 1, EVEN, SCALAR)


@pytest.mark.parametrize("batch", [1.0, 8.0, 64.0, 4096.0])
def test_experts_cost_the_same_cut_or_whole_and_chance_only_adds_to_whole_ones(batch):
    """Both ways a rank reads an eighth of the weights that are met and does an eighth of the arithmetic."""
    system, part = load_system("8xh200"), Load(batch, batch, 1000.0)

    def counted(layout, profile):
        table = operator_table(lower(load_model("deepseek-v3"), layout), system, decode=part, profile=profile)
        rows = [row for row in table if row.name in ("experts up", "experts down")]
        return sum(row.weight_bytes for row in rows), sum(row.flops for row in rows)

    cut, whole = counted(Layout(tp=8), PEAK), counted(Layout(tp=8, ep=8), PEAK)
    assert whole == pytest.approx(cut, rel=1e-9)
    chance = replace(PEAK, routing=Routing(skew=1.0))
    assert counted(Layout(tp=8), chance) == cut
    assert counted(Layout(tp=8, ep=8), chance)[0] >= whole[0] * (1 - 1e-9)


def test_the_table_of_operators_adds_up_to_a_step_with_slices_busy_ranks_and_waits():
    system, part = load_system("8xb200"), Load(32.0, 32.0, 1000.0)
    curve = OperatorCurve(padding_bytes=40.0, tile_columns=256.0, padding_rows=8.0, flops_share=0.4, bytes_share=0.8)
    profile = replace(SKEWED, operators={"": curve}, skew_s_per_width=1e-9, overlap=0.0)
    for layout in (Layout(tp=8), Layout(tp=8, ep=8), Layout(tp=4)):
        program = lower(load_model("gpt-oss-120b"), layout)
        table = operator_table(program, system, decode=part, profile=profile)
        step = bind(program, system, profile).step(decode=part).step_s
        assert sum(row.time_s for row in table) == pytest.approx(step, rel=1e-9)


def test_slices_of_mxfp4_are_stored_in_tiles_of_their_family():
    """vLLM, SGLang: `mxfp4.py` rounds to 256 columns for FlashInfer on SM100, to 128 for Marlin."""
    values = {name: one.value for name, one in PRIORS.items()}
    tiles = {}
    for chip in ("b200", "h200"):
        family = profile_source(load_chip(chip))[1]
        factors, host = profile_tables(values, family, "vllm")
        profile = compose_profile("tried", *kernel_curves(load_chip(chip)), factors=factors, host=host)
        tiles[chip] = profile.operators["grouped_gemm.mxfp4"].tile_columns
        assert profile.operators["grouped_gemm.fp8"].tile_columns == 1.0
    assert tiles == {"b200": 256.0, "h200": 128.0}
