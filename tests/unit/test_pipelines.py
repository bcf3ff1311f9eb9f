"""Pipeline stages in the serving formulas, against passes followed from stage to stage."""

from types import SimpleNamespace

import pytest
from tests.serving_oracle import LinearMachine

from tokenroof.catalog import load_model, load_system
from tokenroof.engines import engine as engine_of
from tokenroof.operators.lower import lower
from tokenroof.operators.memory import memory_use
from tokenroof.operators.timing import bind
from tokenroof.planner.disaggregated import prefill_workers
from tokenroof.planner.points import Space
from tokenroof.planner.space import Format
from tokenroof.serving.scheduling import Passes
from tokenroof.types.efficiency import PEAK
from tokenroof.types.engine import Scheduler
from tokenroof.types.layout import Layout
from tokenroof.xp import SCALAR

FIRST = Scheduler(name="first", mixed=False, token_budget=2048.0)


def split(layers: int, stages: int) -> list[int]:
    """Layers of each stage, as even as they go."""
    return [layers // stages + (stage < layers % stages) for stage in range(stages)]


def followed(layers: int, stages: int, micro_batches: int, pass_s: float, rounds: int, again: bool) -> float:
    """Seconds until the last of `rounds` passes of each micro-batch has left the last stage.

    `again`: the next pass of a micro-batch waits for its last one (decode); otherwise passes enter at will (prompts).
    """
    free = [0.0] * stages
    left = [0.0] * micro_batches
    for _ in range(rounds):
        for batch in range(micro_batches):
            now = left[batch] if again else 0.0
            for stage, count in enumerate(split(layers, stages)):
                now = free[stage] = max(now, free[stage]) + pass_s * count / layers
            left[batch] = now
    return max(left)


def passes_of(layers: int, stages: int, machine: LinearMachine, new: float = 2048.0) -> Passes:
    machine.program = SimpleNamespace(
        layout=SimpleNamespace(dp=1, pp=stages, n_gpus=stages), vectorised=False, layers=layers
    )
    return Passes(machine, FIRST, new, new, new, SCALAR)


@pytest.mark.parametrize("layers", [60, 61, 80])
@pytest.mark.parametrize("stages", [1, 2, 3, 8])
@pytest.mark.parametrize("sequences", [1, 2, 64])
def test_a_token_takes_as_long_as_a_pass_that_is_followed_through_the_stages(layers, stages, sequences):
    machine = LinearMachine(base=10e-3, per_sequence=1e-4)
    flying = min(stages, sequences)
    pass_s = machine.cost(sequences / flying, 0.0, 0.0)
    rounds = 400
    true_s = followed(layers, stages, flying, pass_s, rounds, again=True) / rounds
    found_s = passes_of(layers, stages, machine).decode_s(float(sequences))
    # with 2 sequences on 3 stages nobody waits; with as many as stages all wait for the fullest one
    assert found_s == pytest.approx(true_s, rel=0.01)


@pytest.mark.parametrize(("layers", "stages"), [(61, 1), (61, 3), (61, 8), (80, 4)])
@pytest.mark.parametrize("prompts", [1, 5, 40])
def test_prompts_in_a_row_fill_a_pipeline_and_one_alone_does_not(layers, stages, prompts):
    machine = LinearMachine(base=1e-3, per_token=1e-5)
    pass_s = machine.cost(0.0, 0.0, 2048.0)
    found = passes_of(layers, stages, machine).prompts(float(prompts), 0.0, 0.0)
    assert found.whole_s == pytest.approx(followed(layers, stages, prompts, pass_s, 1, again=False), rel=0.03)
    assert passes_of(layers, stages, machine).prompts(1.0, 0.0, 0.0).whole_s == pytest.approx(pass_s)


def test_a_lone_sequence_on_many_stages_is_one_token_to_its_experts():
    model, system = load_model("deepseek-v3"), load_system("gb200-nvl72")
    one, four = (
        Passes(
            bind(lower(model, Layout(tp=2, pp=pp)), system, PEAK),
            engine_of("none").scheduler,
            1024.0,
            1024.0,
            1024.0,
            SCALAR,
        )
        for pp in (1, 4)
    )
    assert four.decode_s(1.0) >= one.decode_s(1.0)  # eight experts a layer either way, and hops beside


def test_a_prefill_worker_holds_the_prompts_of_a_full_pipeline():
    model, system = load_model("llama-3.1-70b"), load_system("8xh100")
    layouts = tuple(Layout(tp=tp, pp=pp) for tp in (2, 4, 8) for pp in (1, 2, 4) if tp * pp <= 8)
    space = Space(
        model=model, system=system, engine="vllm", profile=PEAK, scheduler=engine_of("vllm").scheduler, layouts=layouts,
        formats=(Format(name="own", kv_name="bf16", own=True, weights=None, kv="bf16"),),
        chunks=(32_768,), isl=8192.0, osl=64.0, memory_fraction=0.52,
    )  # fmt: skip

    def room(layout: Layout) -> float:
        program = bind(lower(model, layout), system, PEAK).program
        use = memory_use(program, system, context=8192.0, max_batched_tokens=32_768, fraction=0.52)
        return float(use.sequences)

    kept = [layouts[int(at)] for at in prefill_workers(space, 0).layout]
    assert kept == [layout for layout in layouts if room(layout) >= 4 * layout.pp]  # four prompts fill a pass
    assert any(1 <= room(layout) < 4 * layout.pp for layout in layouts if layout not in kept)
