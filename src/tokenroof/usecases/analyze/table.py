"""An answer of `analyze` as rows of tables: units in the column names, the scenario first, so that rows concatenate."""

from typing import Any

from tokenroof.types.served import Ranged
from tokenroof.usecases.analyze.answer import AnalyzeResponse

__all__ = ["main_row", "operator_rows", "scenario_columns"]


def scenario_columns(answer: AnalyzeResponse) -> dict[str, Any]:
    """What was asked, the same in each row of an answer."""
    return {
        "model": answer.model, "system": answer.system, "gpus": answer.gpus, "replicas": answer.replicas,
        "layout": answer.layout_label, "mode": "agg", "weight_dtype": answer.weight_dtype, "kv_dtype": answer.kv_dtype,
        "engine": answer.engine, "isl": answer.isl, "osl": answer.osl, "prefix": answer.prefix,
        "concurrency": answer.concurrency, "batch": answer.batch, "profile": answer.profile, "claim": answer.claim,
    }  # fmt: skip


def _spread(name: str, number: Ranged | None) -> dict[str, float | None]:
    """`tpot_s, tpot_s_low, tpot_s_high, tpot_s_bound`."""
    if number is None:
        return dict.fromkeys((name, f"{name}_low", f"{name}_high", f"{name}_bound"))
    return {
        name: number.value, f"{name}_low": number.low, f"{name}_high": number.high, f"{name}_bound": number.bound
    }  # fmt: skip


def main_row(answer: AnalyzeResponse) -> dict[str, Any]:
    """One row: verdict, times, throughput, cost, rooms."""
    cost, energy = answer.cost, answer.energy
    row = scenario_columns(answer) | {"fits": answer.fits}
    for name in ("tpot_s", "decode_step_s", "ttft_s", "e2e_s", "interactivity", "output_tokens_per_s_per_gpu",
                 "decode_tokens_per_s_per_gpu"):  # fmt: skip
        row |= _spread(name, getattr(answer, name))
    row |= _spread("cost_output_usd_per_mtok", None if cost is None else cost.output_usd_per_mtok)
    row |= _spread("cost_input_usd_per_mtok", None if cost is None else cost.input_usd_per_mtok)
    row |= _spread("watts_per_gpu", None if energy is None else energy.watts_per_gpu)
    row |= _spread("joules_per_output_token", None if energy is None else energy.joules_per_output_token)
    return row | {
        "requests_per_s": answer.requests_per_s, "max_batch_memory": answer.rooms.by_memory,
        "max_batch_limits": answer.rooms.within_limits, "critical_batch": answer.rooms.critical, "mfu": answer.mfu,
        "mbu": answer.mbu,
    }  # fmt: skip


def operator_rows(answer: AnalyzeResponse) -> list[dict[str, Any]]:
    """One row an operator of a decode step."""
    return [
        scenario_columns(answer)
        | {
            "operator": row.name, "count": row.count, "flops": row.flops, "bytes": row.memory_bytes,
            "network_bytes": row.comm_bytes, "intensity": row.flops_per_byte, "bound_by": row.bound,
            "time_s": row.time_s, "share": row.share,
        }
        for row in answer.operators
    ]  # fmt: skip
