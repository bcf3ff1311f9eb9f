"""Speed of deduction: `pytest benchmarks --benchmark-enable`. Target: the posterior of one price sheet in 3 s."""

import pytest

from tokenroof.catalog.offers.index import in_usd, load_offer
from tokenroof.infer.calibrations import CALIBRATIONS
from tokenroof.infer.evidence import evidence_of, readings
from tokenroof.infer.sampler import sample_posterior
from tokenroof.infer.validate import validate
from tokenroof.usecases.deduce.run import DeduceRequest, deduce

# little evidence; an ordinary sheet; all channels but speed, far out
OFFERS = ("openai/gpt-4", "deepseek/deepseek-v3", "anthropic/claude-opus-4-7")


@pytest.mark.parametrize("name", OFFERS)
def test_sample_a_million_draws(benchmark, name):
    evidence = evidence_of(in_usd(load_offer(name))[0])
    sample = benchmark.pedantic(
        lambda: sample_posterior(readings(evidence), CALIBRATIONS, evidence.kind), rounds=5, warmup_rounds=1
    )
    benchmark.extra_info["effective_draws"] = round(sample.health.ess)


@pytest.mark.parametrize("name", OFFERS)
def test_deduce_an_offer(benchmark, name):
    benchmark.pedantic(lambda: deduce(DeduceRequest(offer=name)), rounds=5, warmup_rounds=1)


def test_validate(benchmark):
    benchmark.pedantic(validate, rounds=2, warmup_rounds=0)
