"""The operator engine's sections of the `analyze` page: layout, step by kind of work, operator table, rack picture."""

from typing import TYPE_CHECKING

import click

from tokenroof.cli.render import format_count, heading, print_table
from tokenroof.units import format_bytes, format_si

if TYPE_CHECKING:
    from tokenroof.types.program import OperatorTime
    from tokenroof.usecases.analyze.answer import AnalyzeResponse
    from tokenroof.usecases.analyze.point import OperatorReport

__all__ = ["print_memory", "print_operators", "print_rack", "print_step"]


def _line(label: str, value: str, remark: str = "") -> None:
    click.echo(f"  {label:<22}{value:<24}{' ' if len(value) >= 24 else ''}{remark}".rstrip())


def layout_text(report: "OperatorReport") -> str:
    """`tp 1, dp 72, ep 72 (+32 expert copies)`."""
    layout = report.layout
    parts = [f"{n} {getattr(layout, n)}" for n in ("tp", "pp", "dp", "cp", "ep") if getattr(layout, n) > 1]
    copies = f" (+{layout.redundant_experts} expert copies)" if layout.redundant_experts else ""
    return (", ".join(parts) or "one GPU") + copies


def print_memory(answer: "AnalyzeResponse", report: "OperatorReport") -> None:
    """Memory of the fullest GPU by the engine's own rule."""
    memory = report.memory
    verdict = "fits" if report.fits else "DOES NOT FIT at this batch"
    heading(f"Memory of one GPU   {verdict}, engine {memory.runtime}")
    _line("layout", layout_text(report), f"{report.gpus_used} of {answer.gpus} GPUs; {report.layout_why}")
    _line("weights", format_bytes(memory.weights_bytes), f"{memory.weights_bytes / memory.total_bytes:.0%} of memory")
    _line("activations, reserve", format_bytes(memory.activations_bytes + memory.reserved_bytes))
    pool = max(memory.cache_pool_bytes, 0.0)
    _line("KV pool", format_bytes(pool), f"{format_bytes(memory.cache_bytes_per_sequence)} for one sequence")
    _line("largest batch", format_count(memory.sequences), f"at {answer.context:,.0f} tokens, all GPUs together")


def _share_bar(share: float) -> str:
    return "#" * max(1, round(30 * share)) if share > 0.005 else ""


def print_step(answer: "AnalyzeResponse", report: "OperatorReport") -> None:
    """The decode step by kind of work, and the first token."""
    groups: dict[str, float] = {}
    for row in report.table:
        name = _group(row)
        groups[name] = groups.get(name, 0.0) + row.time_s
    total = float(report.step.step_s)
    heading(f"One decode step   rule operators, efficiency {report.step.profile}")
    host = total - sum(groups.values())
    for name, seconds in sorted(groups.items(), key=lambda item: -item[1]):
        _line(name, format_si(seconds, "s", 4), _share_bar(seconds / total))
    if host > 0.001 * total:
        _line("host", format_si(host, "s", 4), _share_bar(host / total))
    sums = report.step
    parts = (("compute", sums.compute_s), ("weights", sums.weights_s), ("KV cache", sums.kv_s))
    click.echo(
        "  " + "; ".join(f"{name} {format_si(float(part), 's', 3)}" for name, part in parts) + " when summed alone"
    )
    spread = ""
    if report.high_step_s > report.low_step_s:
        spread = f"80 % range {report.low_step_s * 1e3:.1f} to {report.high_step_s * 1e3:.1f} ms"
    _line("TPOT", f"{answer.tpot_s * 1e3:.3f} ms", f"{answer.tokens_per_s_per_user:,.0f} tok/s/user   {spread}")
    _line(
        "output throughput", f"{answer.output_tokens_per_s_per_gpu:,.0f} tok/s/GPU", "output tokens, all GPUs counted"
    )
    point = report.point
    cached = f", {point.prefix:,.0f} cached" if point.prefix else ""
    _line(
        "prefill", f"{report.prefill_s * 1e3:.1f} ms", f"one prompt of {point.isl:,.0f} tokens{cached}, nobody waiting"
    )
    lecture = answer.roofline
    all_read = "" if answer.touched_share > 0.999 else ", though it reads all experts"
    all_read = "" if answer.touched_share > 0.999 else ", though it reads all experts"
    _line("lecture's roofline", format_si(lecture.step_s, "s", 4), f"{lecture.bound} binds there{all_read}")


_NAMES = {
    "gemm": "matmuls",
    "bmm": "matmuls",
    "grouped_gemm": "experts",
    "embedding": "embedding, norms",
    "norm": "embedding, norms",
    "elementwise": "embedding, norms",
    "sampling": "sampling",
}
_FAMILIES = {"attention": "attention", "mla": "attention", "indexer": "attention", "recurrence": "recurrence"}


def _group(row: "OperatorTime") -> str:
    """The kind of work that a row counts under on the page."""
    if row.bound == "network":
        return "networks"
    return _NAMES.get(row.kind) or _FAMILIES.get(row.kind.partition("_")[0], row.kind)


def print_operators(report: "OperatorReport") -> None:
    """The operator table of the decode step."""
    rows = []
    for row in sorted(report.table, key=lambda row: -row.time_s):
        intensity = row.flops_per_byte
        rows.append(
            (
                row.name,
                f"{row.count:g}",
                format_si(row.flops, "FLOP") if row.flops else "",
                format_si(row.comm_bytes if row.bound == "network" else row.memory_bytes, "B"),
                "" if not intensity else f"{intensity:,.1f}",
                row.detail or row.bound,
                format_si(row.time_s, "s"),
                f"{row.share:.1%}",
            )
        )
    print_table(
        ("operator", "runs", "FLOPs", "bytes", "FLOP/B", "bound", "time", "share"), rows, right=(1, 2, 3, 4, 6, 7)
    )


def print_rack(answer: "AnalyzeResponse", report: "OperatorReport") -> None:
    """The domain as rows of GPUs: what each holds, how many idle, what crosses the links."""
    layout = report.layout
    heading("Rack")
    per_row = 18 if answer.gpus_in_pass > 16 else 8
    used = min(layout.stage, answer.gpus_in_pass)
    cells = ["■"] * used + ["·"] * max(answer.gpus_in_pass - used, 0)
    for start in range(0, len(cells), per_row):
        click.echo("  " + " ".join(cells[start : start + per_row]))
    idle = answer.gpus_in_pass - used
    click.echo(f"  ■ {used} GPUs work on one pass" + (f", · {idle} idle or in other copies" if idle else ""))
    if report.experts_per_gpu is not None:
        click.echo(f"  {report.experts_per_gpu:g} expert slots of every layer on each of {layout.ep} expert groups")
    if report.scaleup_bytes_per_step:
        click.echo(
            f"  {format_si(report.scaleup_bytes_per_step, 'B')} sent by each GPU per step, "
            f"{format_si(report.scaleup_bytes_per_step / answer.tpot_s, 'B/s')} while it runs"
        )
