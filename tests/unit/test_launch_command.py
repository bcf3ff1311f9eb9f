"""Commands that start servers, read as what they serve with: as words, scripts and manifests; never run."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.engines import ENGINES, LAUNCHED
from tokenroof.engines.launch_command import launched
from tokenroof.errors import InputError, TokenroofError
from tokenroof.types.benchmark import Deployed
from tokenroof.types.engine import Worker
from tokenroof.types.layout import Layout

pytest.importorskip("yaml")


def said(text: str) -> tuple[Deployed, tuple[str, ...]]:
    return launched(text)


def test_vllm_with_every_way_to_write_a_flag() -> None:
    where, unknown = said(
        "VLLM_USE_V1=1 vllm serve org/model --tensor-parallel-size 2 -dp=4 --enable-expert-parallel --max-num-seqs=128"
        " --max_num_batched_tokens 8k --gpu-memory-utilization .95 --kv-cache-dtype fp8_e4m3 --no-enable-prefix-caching"
        """ --speculative-config '{"method": "mtp", "num_speculative_tokens": 3}' --port 80 --odd 7"""
    )
    assert (where.gpus, where.tp, where.pp, where.dp, where.ep) == (8, 2, 1, 4, 8)
    assert (where.tokenizer, where.engine, where.kv_dtype, where.memory_fraction) == ("org/model", "vllm", "fp8", 0.95)
    assert (where.max_num_seqs, where.max_batched_tokens, where.prefix_caching) == (128, 8000, False)
    assert (where.speculation, where.drafts, where.eager) == ("mtp", 3, False)
    assert unknown == ("--odd",)


@pytest.mark.parametrize(
    "flags", ["--enforce-eager", "-O0", "-O 0", "--compilation-config '{\"cudagraph_mode\": \"NONE\"}'",
              "--compilation-config.cudagraph_mode NONE"],
)  # fmt: skip
def test_no_graphs_however_it_is_said(flags: str) -> None:
    assert said(f"vllm serve m {flags} --max-num-seqs 4")[0].eager is True
    assert said("vllm serve m -O3")[0].eager is False


def test_dotted_flags_are_an_object() -> None:
    where, _ = said("vllm serve m --speculative-config.method eagle --speculative-config.num_speculative_tokens 2")
    assert (where.speculation, where.drafts) == ("eagle", 2)


def test_degrees_that_are_left_out_are_one_and_those_that_cannot_be_read_are_unknown() -> None:
    assert said("vllm serve m")[0].gpus == 1
    where, unknown = said("vllm serve $MODEL -tp $TP --max-num-seqs lots")
    assert (where.tp, where.gpus, where.tokenizer, where.max_num_seqs) == (None, None, "", None)
    assert unknown == ("tp=$TP", "max_num_seqs=lots")


def test_sglang_counts_all_groups_in_its_tp_chunk_and_requests() -> None:
    flags = "--tp 8 --dp 4 --ep-size 8 --chunked-prefill-size 32768 --max-running-requests 512"
    where, unknown = said(f"python3 -m sglang.launch_server --model-path a/b {flags} --enable-dp-attention")
    assert (where.gpus, where.tp, where.dp, where.ep) == (8, 2, 4, 8)
    assert (where.max_batched_tokens, where.max_num_seqs, unknown) == (8192, 128, ())
    copies, _ = said(f"sglang serve --model-path a/b {flags}")
    assert (copies.gpus, copies.tp, copies.dp, copies.max_batched_tokens) == (32, 8, 4, 32768)


@pytest.mark.parametrize(("command", "backend", "two"), [
    ("sglang serve --model-path a/b --tp 8 --dp 8 --enable-dp-attention", "none", False),
    ("sglang serve --model-path a/b --tp 8 --dp 8 --enable-dp-attention --moe-a2a-backend deepep", "deepep", False),
    ("sglang serve --model-path a/b --tp 8 --dp 8 --enable-dp-attention --enable-deepep-moe --enable-two-batch-overlap",
     "deepep", True),
    ("sglang serve --model-path a/b --tp 8 --dp 2", "", None),
    ("vllm serve m -dp 8 --enable-expert-parallel", "none", False),
    ("vllm serve m -dp 8 --enable-expert-parallel --all2all-backend deepep_low_latency --enable-dbo "
     "--dbo-decode-token-threshold 32", "deepep", True),
    ("vllm serve m -dp 8 --enable-expert-parallel --all2all-backend naive", "none", False),
    ("vllm serve m -tp 8 --enable-expert-parallel", "", None)])  # fmt: skip
def test_how_tokens_reach_experts_is_what_the_engine_does_unless_told(command, backend, two) -> None:
    where, unknown = said(command)
    assert (where.moe_a2a_backend, where.two_batch_overlap, unknown) == (backend, two, ())


def test_containers_say_the_engine_and_its_version() -> None:
    where, _ = said("docker run --gpus all -p 8000:8000 vllm/vllm-openai:v0.19.0 --model a/b -tp 8 && echo done")
    assert (where.engine, where.engine_version, where.tp) == ("vllm", "0.19.0", 8)


def test_the_file_of_trtllm_is_read_where_the_text_holds_it() -> None:
    script = (
        "cat > /tmp/extra.yaml <<'END'\nenable_attention_dp: true\nkv_cache_config: {dtype: fp8, "
        "free_gpu_memory_fraction: 0.8}\nspeculative_config: {decoding_type: MTP, num_nextn_predict_layers: 2}\nEND\n"
        "trtllm-serve a/b --tp_size 8 --ep_size 8 --max_batch_size 64 --extra_llm_api_options /tmp/extra.yaml\n"
    )
    where, unknown = said(script)
    assert (where.tp, where.dp, where.ep, where.gpus) == (1, 8, 8, 8)
    assert (where.kv_dtype, where.memory_fraction, where.speculation, where.drafts) == ("fp8", 0.8, "mtp", 2)
    assert unknown == ()
    assert said("trtllm-serve a/b --extra_llm_api_options x.yaml")[1] == ("what x.yaml says",)


MANIFEST = """
apiVersion: apps/v1
kind: Deployment
spec:
  replicas: {replicas}
  template:
    spec:
      containers:
        - name: {name}
          image: vllm/vllm-openai:v0.21.0
          command: ["vllm", "serve"]
          args: ["a/b", "--tensor-parallel-size", "{tp}", "--kv-transfer-config", '{{"kv_role": "{role}"}}']
"""


def test_a_manifest_of_one_server() -> None:
    where, unknown = said(MANIFEST.format(replicas=1, name="one", tp=4, role="kv_both"))
    assert (where.tp, where.gpus, where.engine_version, unknown) == (4, 4, "0.21.0", ())


def test_workers_that_prefill_and_workers_that_decode_are_one_deployment() -> None:
    front = MANIFEST.format(replicas=3, name="p", tp=2, role="kv_producer")
    back = MANIFEST.format(replicas=2, name="d", tp=8, role="kv_consumer")
    where, _ = said(f"{front}---{back}")
    assert where.prefill is not None
    assert (where.tp, where.decode_workers, where.prefill.tp, where.prefill.workers) == (8, 2, 2, 3)
    assert where.gpus == 2 * 8 + 3 * 2


def test_a_script_inside_a_manifest() -> None:
    script = "  - |\n    set -e\n    python -m sglang.launch_server --model a/b --tp 4\n"
    text = f"containers:\n- image: lmsysorg/sglang:v0.5.9\n  args:\n{script}"
    where, _ = said(text)
    assert (where.engine, where.engine_version, where.tp) == ("sglang", "0.5.9", 4)


@pytest.mark.parametrize("engine", ["sglang", "vllm"])
@pytest.mark.parametrize("named", [{}, {"moe_a2a_backend": "none"}, {"two_batch_overlap": True}])
def test_how_tokens_reach_experts_is_printed_and_read_back(engine: str, named: dict[str, Any]) -> None:
    launcher, layout = ENGINES[engine].launcher, Layout(dp=8, ep=8, **named)
    assert launcher is not None
    for role in ("both", "prefill", "decode"):
        worker = Worker(checkpoint="a", layout=layout, role=role, chunk=4096, sequences=32, length=9000, kv="bf16")
        where, _ = said(launcher.command(worker))
        assert (where.moe_a2a_backend, where.two_batch_overlap) == (layout.moe_a2a_backend, layout.two_batch_overlap)


def test_an_engine_without_two_batch_overlap_says_so() -> None:
    assert ENGINES["trtllm"].inexpressible(Layout(dp=8, ep=8, two_batch_overlap=True)) == "two-batch overlap"


@pytest.mark.parametrize("engine", LAUNCHED)
@pytest.mark.parametrize("layout", [Layout(tp=4), Layout(dp=8, ep=8), Layout(tp=8, pp=2, ep=8)])
def test_what_plan_prints_is_read_back(engine: str, layout: Layout) -> None:
    launcher = ENGINES[engine].launcher
    assert launcher is not None
    command = launcher.command(
        Worker(checkpoint="a/b", layout=layout, role="both", chunk=4096, sequences=32, length=9000, kv="fp8", drafts=2)
    )
    where, unknown = said(command)
    assert (where.tp, where.pp, where.dp, where.ep, where.gpus) == (
        layout.tp, layout.pp, layout.dp, layout.ep, layout.n_gpus,
    )  # fmt: skip
    assert (where.max_num_seqs, where.max_batched_tokens, where.max_length) == (32, 4096, 9000)
    assert (where.kv_dtype, where.drafts, where.tokenizer, unknown) == ("fp8", 2, "a/b", ())


@pytest.mark.parametrize(
    "text", ["", "rm -rf /", "vllm", "echo vllm serve2 x", "args: [", "containers: 7", "args: &a [*a]",
     "image: vllm/x"],
)  # fmt: skip
def test_what_is_no_launch_command_is_one_line(text: str) -> None:
    with pytest.raises(InputError, match="server_cmd") as caught:
        said(text)
    assert "\n" not in str(caught.value)


def test_nothing_of_a_command_is_run(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    said(f"vllm serve $(touch {gone}) ; touch {gone} `touch {gone}`")
    assert not gone.exists()


@given(
    text=st.text(max_size=200), begin=st.sampled_from(["vllm serve ", "args: ", "trtllm-serve m ", "image: vllm/a:1\n"])
)
def test_any_text_ends_in_a_deployment_or_one_error(text: str, begin: str) -> None:
    try:
        where, unknown = said(begin + text)
    except TokenroofError as error:
        assert "\n" not in str(error)
        return
    assert isinstance(where, Deployed)
    assert all(isinstance(one, str) for one in unknown)


def test_a_bomb_of_aliases_is_walked_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 30)]
    with pytest.raises(InputError):
        said("args: [y]\n" + "\n".join(lines))
