"""A deployment as commands to paste: vLLM, SGLang, TensorRT-LLM. Flags are those of the releases of 2026.

vllm     tensor x data parallel; experts over all of them (--enable-expert-parallel) or cut like everything else
sglang   --tp-size is tp * dp, --dp-size groups of it with attention of their own; its chunk counts all groups
trtllm   --tp_size is tp or dp, `enable_attention_dp` says which; what has no flag goes into a YAML file
"""

import json
from collections.abc import Mapping

from tokenroof.operators.memory import fraction_of, runtime, visible_bytes
from tokenroof.planner.space import inexpressible
from tokenroof.types.layout import Layout
from tokenroof.types.machine import System
from tokenroof.types.model import Model, MoeFfn
from tokenroof.types.workload import Workload
from tokenroof.usecases.plan.answer import Candidate

__all__ = ["ENGINE_NAMES", "commands"]

ENGINE_NAMES = {"vllm": "vLLM", "sglang": "SGLang", "trtllm": "TensorRT-LLM"}


def _checkpoint(model: Model, plan: Candidate) -> tuple[str, str]:
    """What to load, and a comment where it is not the model's own checkpoint."""
    if plan.own_weights:
        return model.name, ""
    name = f"MODEL_{plan.weights.upper()}"
    return f"${name}", f"# {name}: a checkpoint of {model.name} with weights in {plan.weights}"


def _joined(words: list[str]) -> str:
    """A command over several lines, flags with their values."""
    lines, line = [], words[0]
    for word in words[1:]:
        if len(line) + len(word) > 96:
            lines.append(line + " \\")
            line = "   "
        line += " " + word
    return "\n".join([*lines, line])


def _vllm(
    model: Model, checkpoint: str, layout: Layout, plan: Candidate, load: Workload, sequences: int, role: str
) -> str:
    words = [f"vllm serve {checkpoint}", f"--tensor-parallel-size {layout.tp}"]
    if layout.pp > 1:
        words.append(f"--pipeline-parallel-size {layout.pp}")
    if layout.dp > 1:
        words.append(f"--data-parallel-size {layout.dp}")
    if layout.ep > 1:
        words.append("--enable-expert-parallel")
    if layout.redundant_experts:
        words += ["--enable-eplb", f"--eplb-config '{json.dumps({'num_redundant_experts': layout.redundant_experts})}'"]
    words += [f"--max-num-seqs {sequences}", f"--max-model-len {_length(load)}"]
    if role != "decode":
        words.append(f"--max-num-batched-tokens {plan.chunk}")
    if plan.kv == "fp8":
        words.append("--kv-cache-dtype fp8")
    if plan.drafts and role != "prefill":
        words.append(f"--speculative-config '{json.dumps({'method': 'mtp', 'num_speculative_tokens': plan.drafts})}'")
    if role != "both":
        words.append(f"--kv-transfer-config '{json.dumps({'kv_connector': 'NixlConnector', 'kv_role': 'kv_both'})}'")
    return _joined(words)


def _sglang(
    model: Model, checkpoint: str, layout: Layout, plan: Candidate, load: Workload, sequences: int, role: str
) -> str:
    words = ["python -m sglang.launch_server", f"--model-path {checkpoint}", f"--tp-size {layout.tp * layout.dp}"]
    if layout.pp > 1:
        words.append(f"--pp-size {layout.pp}")
    if layout.dp > 1:
        words += [f"--dp-size {layout.dp}", "--enable-dp-attention"]
    if layout.ep > 1:
        words.append(f"--ep-size {layout.ep}")
    if layout.ep > 1 and layout.dp > 1:
        words.append("--moe-a2a-backend deepep")
    if layout.redundant_experts:
        words += ["--enable-eplb", f"--ep-num-redundant-experts {layout.redundant_experts}"]
    words += [f"--max-running-requests {sequences * layout.dp}", f"--context-length {_length(load)}"]
    if role != "decode":
        words.append(f"--chunked-prefill-size {plan.chunk * layout.dp}")
    if plan.kv == "fp8":
        words.append("--kv-cache-dtype fp8_e4m3")
    if plan.drafts and role != "prefill":
        words += ["--speculative-algorithm EAGLE", f"--speculative-num-steps {plan.drafts}",
                  "--speculative-eagle-topk 1", f"--speculative-num-draft-tokens {plan.drafts + 1}"]  # fmt: skip
    if role != "both":
        words.append(f"--disaggregation-mode {role}")
    return _joined(words)


def _trtllm(
    model: Model, checkpoint: str, layout: Layout, plan: Candidate, load: Workload, sequences: int, role: str
) -> str:
    extra: dict[str, str] = {"enable_attention_dp": "true" if layout.dp > 1 else "false"}
    if plan.kv == "fp8":
        extra["kv_cache_config"] = "{dtype: fp8}"
    if layout.redundant_experts:
        extra["moe_config"] = f"{{load_balancer: {{num_slots: {_experts(model) + layout.redundant_experts}}}}}"
    if plan.drafts and role != "prefill":
        extra["speculative_config"] = f"{{decoding_type: MTP, num_nextn_predict_layers: {plan.drafts}}}"
    if role != "both":
        extra["cache_transceiver_config"] = "{backend: DEFAULT}"
    words = [f"trtllm-serve {checkpoint}", f"--tp_size {layout.tp * layout.dp}"]
    if layout.pp > 1:
        words.append(f"--pp_size {layout.pp}")
    if layout.ep > 1:
        words.append(f"--ep_size {layout.ep}")
    words += [f"--max_batch_size {sequences}", f"--max_num_tokens {plan.chunk if role != 'decode' else 8192}",
              f"--max_seq_len {_length(load)}", "--extra_llm_api_options extra.yaml"]  # fmt: skip
    yaml = "\n".join(f"{key}: {value}" for key, value in extra.items())
    return f"cat > extra.yaml <<'END'\n{yaml}\nEND\n{_joined(words)}"


def _experts(model: Model) -> int:
    return next(group.ffn.n_experts for group in model.layers if isinstance(group.ffn, MoeFfn))


def _length(load: Workload) -> int:
    return int(-(-(load.isl + load.osl) // 64) * 64)


_MEMORY = {
    "vllm": "--gpu-memory-utilization",
    "sglang": "--mem-fraction-static",
    "trtllm": "--kv_cache_free_gpu_memory_fraction",
}
_WRITERS = {"vllm": _vllm, "sglang": _sglang, "trtllm": _trtllm}


def _roles(plan: Candidate) -> Mapping[str, tuple[Layout, int]]:
    if plan.prefill_layout is None:
        return {"both": (plan.layout, plan.units)}
    return {"prefill": (plan.prefill_layout, plan.prefill_workers), "decode": (plan.layout, plan.decode_workers)}


def _sequences(plan: Candidate, layout: Layout, role: str, load: Workload) -> int:
    """Requests of one dp group at once."""
    if role == "prefill":  # a full pass for every pipeline stage, or stages stand idle
        return max(1, -(-plan.chunk // max(int(load.uncached), 1))) * layout.pp
    held = plan.unit_concurrency
    if role == "decode":
        held *= (1.0 - plan.ttft_s / plan.e2e_s) * plan.units / plan.decode_workers
    return max(1, -int(-held // layout.dp))


def commands(
    model: Model, system: System, plan: Candidate, load: Workload, engine: str, *, memory_fraction: float | None = None
) -> str:
    """Commands of every worker under one engine, or a comment on why its flags cannot say it.

    SGLang is told the share that the plan counts with: its own rule has another value in every release.
    """
    checkpoint, remark = _checkpoint(model, plan)
    lines = [remark] if remark else []
    for role, (layout, workers) in _roles(plan).items():
        reason = inexpressible(layout, engine)
        if reason:
            return f"# {ENGINE_NAMES[engine]} has no flags for {reason}"
        what = "" if role == "both" else f"{role}, "
        gpus = f"{layout.n_gpus} GPU{'s' if layout.n_gpus > 1 else ''}"
        if workers > 1 or what:
            lines.append(f"# {what}{workers} {'times' if workers > 1 else 'time'} on {gpus} each")
        sequences = _sequences(plan, layout, role, load)
        text = _WRITERS[engine](model, checkpoint, layout, plan, load, sequences, role)
        share = memory_fraction
        if share is None and engine == "sglang":
            rules = runtime(engine)
            share = round(float(fraction_of(rules, visible_bytes(system.chip, rules), layout)), 3)
        lines.append(text + ("" if share is None else f" \\\n    {_MEMORY[engine]} {share:g}"))
    return "\n".join(lines)
