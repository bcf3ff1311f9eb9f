"""DeepEP's own timings on H800 (docs/legacy.md of its repository, 2025): dispatch in FP8, combine in BF16.

Normal kernels: 4,096 tokens, bytes over "bottleneck bandwidth", which counts a copy for each rank (NVLink) or each node
(RDMA) that a token meets, its own included; experts of 4 groups of 8 at most. Low latency: 128 tokens, microseconds.
"""

import pytest

from tokenroof.catalog import load_model, load_system
from tokenroof.catalog.profile import profile_for
from tokenroof.operators.links import bound_link, link_s
from tokenroof.operators.lower import lower
from tokenroof.operators.networks import places_met
from tokenroof.operators.program import variables
from tokenroof.types.layout import Layout
from tokenroof.types.program import Load
from tokenroof.xp import SCALAR

BYTES = {"dispatch": 1.0 + 4.0 / 128.0, "combine": 2.0}


def exchange_s(ranks: int, leg: str, each: float, prompts: bool) -> float:
    """One run of it, without what ranks wait for each other."""
    model, machine = load_model("deepseek-v3"), load_system(f"{ranks}xh800")
    program, profile = (
        lower(model, Layout(dp=ranks, ep=ranks, dispatch_dtype="fp8_block")),
        profile_for(machine, "sglang"),
    )
    row = next(row for row in program.operators if row.name == f"experts {leg}")
    load = Load(ranks * each, ranks * (1.0 if prompts else each), each)
    values = variables(program, None if prompts else load, load if prompts else None, SCALAR)
    return float(link_s(bound_link(row, program, machine, profile), values, SCALAR))


def missed(*values: object, reason: str) -> object:
    return pytest.param(*values, marks=pytest.mark.xfail(strict=True, reason=reason))


@pytest.mark.parametrize(("ranks", "dispatch", "combine"), [
    missed(8, 153.0, 158.0, reason="20 and 23 % too slow: a library's all-to-all inside a server was fitted to NCCL's"),
    (16, 43.0, 43.0),
    (32, 58.0, 57.0),
    missed(64, 51.0, 50.0, reason="1.6 times too slow: 5.3 of 8 nodes are met at random, 3.6 by groups"),
])  # fmt: skip
def test_normal_kernels(ranks: int, dispatch: float, combine: float) -> None:
    nodes = ranks // 8
    met = places_met(256, 8, 8) if nodes == 1 else places_met(128 if nodes > 4 else 256, 8, min(nodes, 4))
    for leg, gigabytes in (("dispatch", dispatch), ("combine", combine)):
        published_s = 4096 * 7168 * met * BYTES[leg] / (gigabytes * 1e9)
        assert exchange_s(ranks, leg, 4096.0, prompts=True) == pytest.approx(published_s, rel=0.12)


@pytest.mark.parametrize(("ranks", "dispatch", "combine"), [
    missed(8, 77.0, 114.0, reason="37 and 26 % too quick: a copy for each rank is counted, not each expert"),
    (16, 118.0, 195.0), (32, 155.0, 273.0), (64, 173.0, 314.0), (128, 192.0, 369.0), (256, 194.0, 360.0),
])  # fmt: skip
def test_low_latency_kernels(ranks: int, dispatch: float, combine: float) -> None:
    assert exchange_s(ranks, "dispatch", 128.0, prompts=False) * 1e6 == pytest.approx(dispatch, rel=0.12)
    assert exchange_s(ranks, "combine", 128.0, prompts=False) * 1e6 == pytest.approx(combine, rel=0.12)
