"""Speed of the engine: `pytest benchmarks --benchmark-enable`. Targets are in the design notes, not asserted here."""

import numpy as np
import pytest
from blocks import step_seconds

from tokenroof.catalog import load_system
from tokenroof.catalog.models.index import load_model
from tokenroof.operators.layouts import stack
from tokenroof.operators.lower import lower
from tokenroof.operators.memory import memory_use
from tokenroof.operators.timing import bind, step
from tokenroof.types.layout import Layout
from tokenroof.types.program import Load


@pytest.fixture(scope="module", params=["llama-3.1-70b", "deepseek-v3.1"])
def model(request):
    return load_model(request.param)


@pytest.fixture(scope="module")
def machine():
    return load_system("8xh200")


def test_lower_a_model(benchmark, model):
    """Target: 5 ms."""
    program = benchmark(lower, model, Layout(tp=8))
    assert program.operators


def test_bind_a_program(benchmark, model, machine):
    timed = benchmark(bind, lower(model, Layout(tp=8)), machine)
    assert timed.parts


def test_one_scalar_step(benchmark, model, machine):
    """Target: 50 us."""
    timed, load = bind(lower(model, Layout(tp=8)), machine), Load(64.0, 64.0, 4096.0)
    assert benchmark(timed.step, decode=load).step_s > 0


def test_one_scalar_step_by_the_plain_call(benchmark, model, machine):
    """Target: 50 us. The binding is remembered for the same objects."""
    program = lower(model, Layout(tp=8))
    assert benchmark(step, program, machine, sequences=64.0, context=4096.0).step_s > 0


def test_one_mixed_step(benchmark, model, machine):
    timed, load, chunk = bind(lower(model, Layout(tp=8)), machine), Load(64.0, 64.0, 4096.0), Load(512.0, 1.0, 2048.0)
    assert benchmark(timed.step, decode=load, prefill=chunk).step_s > 0


def test_grid_of_batch_by_context(benchmark, model, machine):
    """4.2 M points; target: 5 M points a second, so 0.84 s."""
    timed = bind(lower(model, Layout(tp=8)), machine)
    batch, context = np.arange(1.0, 2049.0)[:, None], np.linspace(1.0, 131_072.0, 2048)[None, :]
    found = benchmark(step_seconds, timed, decode=Load(batch, batch, context))
    assert found.shape == (2048, 2048)


def _pairs(count):
    """Layouts of DeepSeek-V3 up to 1,024 GPUs, each with a batch of its own."""
    rng = np.random.default_rng(0)
    tp, dp = 2 ** rng.integers(0, 4, count), 2 ** rng.integers(0, 7, count)
    ep = np.minimum(tp * dp, 256)
    layouts = [Layout(tp=int(t), dp=int(d), ep=int(e)) for t, d, e in zip(tp, dp, ep, strict=True)]
    return layouts, 2.0 ** rng.integers(0, 13, count)


def test_ten_thousand_layouts_at_once(benchmark):
    """Target: 1 s for 10,000 (layout, batch) pairs of DeepSeek-V3, memory and time."""
    model, machine = load_model("deepseek-v3.1"), load_system("gb200-nvl72")
    layouts, batch = _pairs(10_000)

    def run():
        program = lower(model, stack(layouts))
        fits = memory_use(program, machine, context=4096).sequences >= batch
        return fits, bind(program, machine).step(decode=Load(batch, batch, np.full(len(batch), 4096.0))).step_s

    fits, seconds = benchmark(run)
    assert fits.any() and not fits.all() and seconds.shape == (10_000,)


def test_a_thousand_layouts_one_by_one(benchmark):
    """The same without arrays."""
    model, machine = load_model("deepseek-v3.1"), load_system("gb200-nvl72")
    layouts, batch = _pairs(1_000)

    def run():
        return [
            bind(lower(model, layout), machine).step(decode=Load(float(b), float(b), 4096.0)).step_s
            for layout, b in zip(layouts, batch, strict=True)
        ]

    assert len(benchmark(run)) == 1_000
