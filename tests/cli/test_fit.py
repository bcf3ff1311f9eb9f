"""`tokenroof fit` at the door: help with an example, one-line errors, files written where asked."""

import gzip
import json

import pytest
from economics_process import run_inside

HEADER = "model,hardware,engine,mode,input_len,output_len,batch_or_concurrency,metric,value,unit\n"
ROWS_UNFIT = "".join(f"Llama-3.1-8B,NVIDIA H100 SXM,vLLM,online,1024,128,{n},tpot_ms,9.0,ms\n" for n in (1, 2, 4))


def run(*arguments):
    return run_inside("fit", *arguments)


def test_help_has_an_example():
    answer = run("--help")
    assert answer.returncode == 0 and "tokenroof fit --ops" in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((), "--ops"), (("--ops", "nowhere"), "nowhere"), (("--runs", "nowhere"), "nowhere"),
     (("--ops", ".", "--as-of", "soon"), "ISO date")],
)  # fmt: skip
def test_bad_input_is_one_line_and_exit_2(arguments, words):
    answer = run(*arguments)
    assert answer.returncode == 2 and words in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1 and "Traceback" not in answer.stderr


def test_small_tables_are_fitted_into_a_folder_of_ones_own(tmp_path):
    ops, out = tmp_path / "ops", tmp_path / "out"
    ops.mkdir()
    columns = {
        "ops_gemm_subset": "system,device,framework,version,kernel,dtype,m,n,k,latency_ms,tflops,weight_gb_s",
        "ops_decode_attention_subset": "system,framework,version,kernel,kv_dtype,batch,kv_len,q_heads,kv_heads,"
        "head_dim,latency_ms,kv_gb_s",
        "ops_prefill_attention_subset": "system,framework,version,kernel,attn_dtype,kv_dtype,batch,isl,q_heads,"
        "kv_heads,head_dim,latency_ms,tflops_causal",
        "ops_moe_subset": "system,kernel_source,moe_dtype,num_tokens,hidden_size,inter_size,topk,num_experts,"
        "moe_tp_size,moe_ep_size,distribution,latency",
        "ops_mla_subset": "system,engine,table,kv_cache_dtype,num_heads,batch_size,isl,step,latency",
        "ops_collectives": "system,lib,version,op,dtype,num_gpus,message_size_elements,latency_ms,kernel",
    }
    rows = {name: [] for name in columns}
    for n, k in ((4096, 4096), (8192, 8192), (4096, 8192)):
        for m in (2**power for power in range(14)):
            time = 5e-3 + 1e3 * max(2 * m * n * k / 8e14, 2 * (m * k + n * k + m * n) / 2.9e12)
            rows["ops_gemm_subset"].append(f"h100_sxm,H100,vllm,1,a,bfloat16,{m},{n},{k},{time},0,0")
    for op in ("all_reduce", "all_gather", "reduce_scatter", "alltoall"):
        for ranks in (2, 4, 8):
            for power in range(10, 28, 3):
                time = 5e-3 + 1e-3 * ranks + 1e3 * 2**power / 3e11
                rows["ops_collectives"].append(f"h100_sxm,nccl,2,{op},half,{ranks},{2**power},{time},NCCL")
    for name, head in columns.items():
        with gzip.open(ops / f"{name}.csv.gz", "wt") as file:
            file.write("\n".join([head, *rows[name]]) + "\n")
    answer = run("--ops", str(ops), "-o", str(out), "--json")
    assert answer.returncode == 0, answer.stderr
    curve = json.loads(answer.stdout)["curves"]["h100"]["gemm.bf16"]
    assert curve["n"] == 42 and curve["median_error"] < 0.1
    assert sorted(path.name for path in out.iterdir()) == ["h100.toml", "hopper.toml"]


@pytest.mark.parametrize("rows", [None, "", ROWS_UNFIT])
def test_tables_that_a_fit_cannot_use_are_bad_input(tmp_path, rows):
    """No table of a known name, one without rows, and three rows of a mode that is not predicted."""
    if rows is not None:
        (tmp_path / "inferencex_aggregated.csv").write_text(HEADER + rows)
    answer = run("--runs", str(tmp_path), "-o", str(tmp_path / "out"))
    assert answer.returncode == 2
    said = answer.stderr.strip().splitlines()[-1]
    assert said.startswith(f"error: --runs {str(tmp_path)[:20]}") and "measurements that a fit can use" in said
    assert not (tmp_path / "out" / "serving.toml").exists()
