"""The page of `diff`: the verdict, what was asked differently, numbers side by side, operators that differ."""

import textwrap

from tokenroof.usecases.diff.run import Difference, Pair

__all__ = ["page_lines"]

_WIDTH = 100
_SHOWN = {
    "tpot_s": ("TPOT, served", 1e3, " ms"), "decode_step_s": ("decode step", 1e3, " ms"),
    "ttft_s": ("TTFT", 1e3, " ms"), "output_tokens_per_s_per_gpu": ("output throughput", 1.0, " tok/s/GPU"),
    "requests_per_s": ("requests served", 1.0, " per s"), "concurrency": ("requests at once", 1.0, ""),
    "cost_output_usd_per_mtok": ("cost, output", 1.0, " $ per M"),
    "cost_input_usd_per_mtok": ("cost, input", 1.0, " $ per M"),
    "memory_weights_bytes": ("weights on a GPU", 1e-9, " GB"),
    "memory_cache_pool_bytes": ("KV memory of a GPU", 1e-9, " GB"),
    "memory_cache_bytes_per_sequence": ("KV of a request on a GPU", 1e-6, " MB"),
    "max_batch_memory": ("most at once by KV memory", 1.0, ""),
}  # fmt: skip


def _figure(value: float | None, scale: float, unit: str) -> str:
    if value is None:
        return "-"
    number = value * scale
    return (f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}") + unit


def _row(pair: Pair) -> str:
    label, scale, unit = _SHOWN[pair.number]
    ratio = "" if pair.ratio is None else f"x{pair.ratio:.3g}" if abs(pair.ratio - 1.0) > 5e-4 else "same"
    return f"  {label:<28}{_figure(pair.a, scale, unit):>20}{_figure(pair.b, scale, unit):>20}{ratio:>10}".rstrip()


def page_lines(answer: Difference) -> list[str]:
    """The whole page."""
    a, b = answer.a, answer.b
    lines = textwrap.wrap(answer.sentence, _WIDTH, break_on_hyphens=False)
    lines += ["", f"  A  {a.model_name} on {a.system_name}, {a.replicas} x {a.layout_label}"]
    lines += [f"  B  {b.model_name} on {b.system_name}, {b.replicas} x {b.layout_label}"]
    if answer.changed:
        lines += ["", "What differs", *(f"  {one.field:<28}{one.a:>20}{one.b:>20}" for one in answer.changed)]
    lines += ["", f"{'':<30}{'A':>20}{'B':>20}{'B over A':>10}", *(_row(pair) for pair in answer.numbers)]
    total = answer.step_difference_s * 1e3
    lines += ["", f"Operators of a decode step: {total:+.3g} ms from A to B"]
    for one in answer.operators:
        times = f"{one.a_s * 1e3:.3g} to {one.b_s * 1e3:.3g} ms"
        lines.append(f"  {one.operator:<26}{one.difference_s * 1e3:>+9.3g} ms   {times:<22}{one.because}".rstrip())
    lines.append(f"  {'all others, host':<26}{answer.rest_s * 1e3:>+9.3g} ms")
    return lines
