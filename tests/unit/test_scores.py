"""Scores of predictions: medians, intervals over deployments, and what rows are told apart by."""

import random

import pytest

from tokenroof.errors import InputError
from tokenroof.usecases.measured.scores import Tally, group_of, pooled
from tokenroof.usecases.measured.validate import validate

_TABLE = """row_id,source,date,model,hardware,num_gpus,tp,weight_dtype,engine,engine_version,mode,input_len,output_len,\
batch_or_concurrency,metric,value,unit,quality
a,s,2026-01,Llama-3.1-70B,NVIDIA H100 SXM 80GB,8,8,fp8,vLLM,0.11,server-closed-loop,1000,500,16,tpot_ms,12,ms,A
b,s,2026-01,Llama-3.1-70B,NVIDIA H200 SXM 141GB,8,8,fp8,vLLM,0.11,server-closed-loop,1000,500,16,tpot_ms,11,ms,A
c,s,2026-01,gpt-oss-120b,NVIDIA H200 SXM 141GB,4,4,mxfp4,vLLM,0.11,server-closed-loop,1000,500,16,tpot_ms,8,ms,A
d,s,2026-01,gpt-oss-120b,NVIDIA H200 SXM 141GB,4,4,mxfp4,vLLM,0.11,server-closed-loop,1000,500,16,ttft_ms,60,ms,A
"""


def _tally(deployments: int, each: int, spread: float) -> Tally:
    """Deployments that err by a number of their own, all their runs alike."""
    rng, tally = random.Random(5), Tally()
    for cluster in range(deployments):
        error = rng.gauss(0.0, spread)
        for _ in range(each):
            tally.add(error, 0.8, 1.25, 2.0, abs(error) < 0.25, cluster)
    return tally


def test_medians_by_hand():
    tally = Tally()
    for error, cluster in ((0.1, 0), (-0.2, 0), (0.4, 1), (-0.05, 2)):
        tally.add(error, 0.8, 1.25, 2.0, abs(error) < 0.25, cluster)
    found = group_of("set", "TPOT", "", (), tally)
    assert found.median_absolute_error == pytest.approx(0.15)
    assert found.median_error == pytest.approx(0.025)
    assert (found.n, found.deployments) == (4, 3)
    assert (found.within_15, found.within_30, found.coverage_80) == (0.5, 0.75, 0.75)
    assert found.range_factor == pytest.approx(1.25) and found.median_over_bound == 2.0


def test_many_runs_of_a_deployment_make_its_error_no_surer():
    """Thirty deployments: ten runs of each or a hundred, the interval is as wide; of two nobody can say."""
    few, many = (group_of("set", "TPOT", "", (), _tally(30, each, 0.2)).error_interval for each in (10, 100))
    assert few is not None and few == pytest.approx(many)
    assert 0.02 < few[1] - few[0] < 0.2
    assert group_of("set", "TPOT", "", (), _tally(2, 500, 0.2)).error_interval is None
    wide = group_of("set", "TPOT", "", (), _tally(300, 10, 0.2)).error_interval
    assert wide is not None and wide[1] - wide[0] < 0.6 * (few[1] - few[0])


def test_rows_are_told_apart(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text(_TABLE)
    answer = validate([path], by=("model", "hardware"))
    assert answer.by == ("model", "hardware")
    assert [(one.by, one.metric, one.n) for one in answer.by_value] == [
        (("Llama-3.1-70B", "H100 SXM 80GB"), "TPOT", 1),
        (("Llama-3.1-70B", "H200 SXM 141GB"), "TPOT", 1),
        (("gpt-oss-120b", "H200 SXM 141GB"), "TPOT", 1),
        (("gpt-oss-120b", "H200 SXM 141GB"), "TTFT", 1),
    ]
    whole = validate([path])
    assert whole.by_value == () and whole.groups == answer.groups and whole.overall == answer.overall
    assert whole.overall[0].deployments == 3 and whole.overall[0].n == 3


@pytest.mark.parametrize("by", [("colour",), ("model", "model"), ("",)])
def test_what_cannot_tell_rows_apart_is_refused(tmp_path, by):
    path = tmp_path / "runs.csv"
    path.write_text(_TABLE)
    with pytest.raises(InputError, match="by"):
        validate([path], by=by)


def test_pooled_is_all_of_them():
    whole = pooled([_tally(3, 2, 0.1), _tally(4, 1, 0.1)])
    assert len(whole.errors) == len(whole.factors) == len(whole.clusters) == 10
