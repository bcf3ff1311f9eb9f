"""`tokenroof analyze`: one page on a model on a machine."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenroof.cli.render import QuantityType, echo_json, format_count, heading, note
from tokenroof.units import format_bytes, format_si

if TYPE_CHECKING:
    from tokenroof.usecases.analyze.answer import AnalyzeResponse

__all__ = ["command"]


def _line(label: str, value: str, remark: str = "") -> None:
    click.echo(f"  {label:<22}{value:<24}{remark}".rstrip())


def _memory(answer: "AnalyzeResponse") -> None:
    fit = answer.fit
    verdict = "fits" if fit.fits else f"DOES NOT FIT: short of {fit.shortfall_bytes / 1e9:,.1f} GB"
    heading(f"Memory   {verdict}")
    _line("weights", format_bytes(fit.weights_bytes), f"{fit.weights_bytes / fit.capacity_bytes:.0%} of memory")
    _line("KV cache", format_bytes(fit.kv_bytes), f"{answer.batch:,.0f} x {answer.context:,.0f} tokens")
    _line(
        "capacity",
        format_bytes(fit.capacity_bytes),
        f"{answer.gpus_in_pass} GPUs; {format_bytes(fit.left_bytes)} left",
    )
    _line("largest batch", format_count(fit.largest_batch), "at this context, nothing reserved for the engine")


def _speed(answer: "AnalyzeResponse") -> None:
    roof = answer.roofline
    heading(f"One decode step   {roof.bound} binds, rule {roof.mode}")
    for label, part in (("compute", roof.compute_s), ("weights", roof.weights_s), ("KV cache", roof.kv_s)):
        bar = "#" * max(1, round(30 * part / roof.step_s)) if part > 0 else ""
        _line(label, format_si(part, "s", 4), bar)
    _line("TPOT", f"{answer.tpot_s * 1e3:.3f} ms", f"{answer.tokens_per_s_per_user:,.0f} tok/s/user")
    _line("output throughput", f"{answer.output_tokens_per_s_per_gpu:,.0f} tok/s/GPU", f"MFU {roof.mfu:.1%}")


def _balance(answer: "AnalyzeResponse") -> None:
    roof = answer.roofline
    heading("Balance")
    low, high = format_count(answer.practice_batch_low), format_count(answer.practice_batch_high)
    _line("batch", format_count(answer.balance_batch), f"matmuls = weight reads; practice takes {low} to {high}")
    if roof.balance_batch_at_context == float("inf"):
        _line("batch at this context", "none", "KV reads alone outlast the arithmetic")
    else:
        _line("batch at this context", format_count(roof.balance_batch_at_context), "KV reads take bandwidth too")
    _line("weight floor", format_si(answer.weight_floor_s, "s", 4), "one read of all weights")
    _line("drain time", f"{answer.drain_time_s * 1e3:.1f} ms", "one read of all memory")
    _line(
        "knee context",
        f"{format_count(answer.knee_context)} tokens",
        "from here on KV reads outlast arithmetic",
    )
    _line("MFU limit", f"{answer.mfu_limit_at_context:.0%}", f"at {answer.context:,.0f} tokens, any batch; "
          f"{answer.mfu_limit_at_double_knee:.0%} at twice the knee")  # fmt: skip


def _cost(answer: "AnalyzeResponse") -> None:
    cost = answer.cost
    if cost is None:
        return
    heading(f"Cost per million output tokens   at ${cost.usd_per_gpu_h:.2f} per GPU-hour")
    touched = f"${cost.at_batch_1_touched:,.2f} reading only the experts it touches"
    _line("batch 1", f"${cost.at_batch_1:,.2f}", touched if cost.at_batch_1_touched < 0.999 * cost.at_batch_1 else "")
    _line(f"batch {answer.batch:,.0f}", f"${cost.at_batch:,.4f}")
    if cost.at_balance is not None:
        _line(
            "balance",
            f"${cost.at_balance:,.4f}",
            f"batch {format_count(answer.roofline.balance_batch_at_context)}",
        )
    else:
        _line("balance", "none", "this context is beyond the knee: no batch balances")
    _line("floor", f"${cost.floor:,.4f}", f"batch 1 costs {cost.batch_1_over_floor:,.0f} times as much")


def _modes(answer: "AnalyzeResponse") -> None:
    fast, train = answer.fast_mode, answer.train
    heading("Fast mode, slow mode, and the train")
    if fast.possible and fast.batch is not None and fast.price_ratio is not None:
        _line(f"{fast.speedup:g}x the speed", f"{fast.price_ratio:,.2f}x the price", f"batch {fast.batch:,.0f}")
    else:
        _line(f"{fast.speedup:g}x the speed", "not for any price", "no batch on this machine is that fast")
    alone = "the weight floor" if answer.operators is None else "one sequence alone"
    _line("fastest", f"{fast.fastest_speedup:,.2f}x this speed", alone)
    _line("slow mode", "no cheaper than floor", "arithmetic and KV reads are private to each sequence")
    _line("train", f"every {train.period_s * 1e3:.1f} ms", f"worst wait {train.worst_wait_s * 1e3:.1f} ms, "
          f"answered within {train.worst_latency_s * 1e3:.1f} ms")  # fmt: skip
    _line("users to fill it", format_count(train.users_to_fill), "one sequence each, at the balance batch")


def _print(answer: "AnalyzeResponse") -> None:
    announced = "   (announced, not shipping)" if answer.announced else ""
    heading(f"{answer.model_name} on {answer.system_name}{announced}")
    click.echo(
        f"  {answer.total_params / 1e9:,.1f} B parameters, {answer.active_params / 1e9:,.1f} B active; "
        f"{answer.gpus} GPU{'' if answer.gpus == 1 else 's'}; batch {answer.batch:,.0f}, context {answer.context:,.0f}"
    )
    engine = (_memory, _speed) if answer.operators is None else (_operators,)
    for section in (*engine, _balance, _cost, _modes):
        click.echo()
        section(answer)
    click.echo()
    _claim(answer)
    for text in answer.warnings:
        note(f"warning: {text}")
    for choice in answer.defaults:
        note(f"took {choice.field} = {choice.value}: {choice.reason}")


def _operators(answer: "AnalyzeResponse") -> None:
    from tokenroof.cli.analyze_operators import print_memory, print_rack, print_step

    report = answer.operators
    assert report is not None
    print_memory(answer, report)
    click.echo()
    print_step(answer, report)
    if report.layout.n_gpus > 1:
        click.echo()
        print_rack(answer, report)


def _claim(answer: "AnalyzeResponse") -> None:
    report = answer.operators
    if report is not None and report.step.profile != "peak":
        heading(
            f"Claim level: {answer.claim_level}, efficiency profile {report.step.profile}. "
            "Balance, floor and train are bounds."
        )
        for text in report.profile_notes:
            click.echo(f"  {text}")
    elif report is not None:
        heading("Claim level: bound at peak rates, every operator by itself. Real engines are slower.")
    else:
        heading("Claim level: bound. Nothing real is faster or cheaper on this machine.")
    if report is None and answer.touched_share < 0.999:
        click.echo(
            f"  but the lecture reads all experts: this batch touches {answer.touched_share:.0%} of the weights, "
            f"so a step can take {format_si(answer.touched_step_s, 's', 4)}"
        )
    click.echo(f"  left out: {', '.join(answer.left_out)}")


def _fits(answer: "AnalyzeResponse") -> bool:
    return answer.fit.fits if answer.operators is None else answer.operators.fits


def _not_fitting(answer: "AnalyzeResponse") -> str:
    fit, report = answer.fit, answer.operators
    if report is None:
        need, have, fixes = fit.weights_bytes + fit.kv_bytes, fit.capacity_bytes, fit.fixes
        where = f"{have / 1e9:,.1f} GB"
    else:
        memory, layout = report.memory, report.layout
        sequences = answer.batch * layout.pp / layout.dp
        need = memory.weights_bytes + sequences * memory.cache_bytes_per_sequence
        have = max(memory.weights_bytes + memory.cache_pool_bytes, 0.0)
        where = f"{have / 1e9:,.1f} GB that engine {memory.runtime} has on one GPU"
        fixes = answer.operator_fixes
    nearest = "; ".join(fixes) or "no system in the catalogue holds it"
    return (
        f"does not fit: {need / 1e9:,.1f} GB needed > {where}, short of {(need - have) / 1e9:,.1f} GB. "
        f"Nearest: {nearest}"
    )


@click.command("analyze")
@click.argument("model")
@click.option("--system", required=True, help="A system such as gb200-nvl72, 8xh100, or NxCHIP.")
@click.option("--batch", type=float, help="Sequences decoded together.")
@click.option("--context", type=QuantityType("token"), help="Tokens already in each sequence.")
@click.option("--weight-dtype", help="bf16, fp8, nvfp4 ... [default: the checkpoint's own]")
@click.option("--kv-dtype", help="bf16, fp8 ... [default: bf16]")
@click.option(
    "--mode",
    type=click.Choice(["operators", "lecture", "text", "book"]),
    default="operators",
    show_default=True,
    help="Rule that combines the parts of a step.",
)
@click.option("--isl", type=QuantityType("token"), help="Input tokens of a request.")
@click.option("--osl", type=QuantityType("token"), help="Output tokens of a request. [default: 512]")
@click.option("--prefix", type=QuantityType("token"), default=0.0, help="Input tokens that are already cached.")
@click.option("--tp", type=int, help="Tensor parallel degree. [default: the best layout is looked for]")
@click.option("--pp", type=int, help="Pipeline stages.")
@click.option("--ep", type=int, help="Expert parallel degree.")
@click.option("--dp", type=int, help="Attention data parallel degree.")
@click.option("--cp", type=int, help="Context parallel degree.")
@click.option(
    "--redundant-experts", type=int, help="Copies of busy experts, per layer, so that --ep divides: 32 on 72 for 256."
)
@click.option(
    "--engine", type=click.Choice(["vllm", "sglang", "trtllm", "none"]), default="vllm", show_default=True,
    help="Whose memory rule and profile hold; none is the bound.",
)  # fmt: skip
@click.option(
    "--efficiency", type=click.Choice(["auto", "peak"]), default="auto", show_default=True,
    help="auto: fitted to measured runs; peak: the speed of light.",
)  # fmt: skip
@click.option("--operators", "show_table", is_flag=True, help="Show the operator table.")
@click.option("--price-per-gpu-hour", type=float, help="USD. [default: median rental]")
@click.option("--fast-speedup", type=float, default=2.5, show_default=True, help="Speed of the fast mode to price.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw to FILE.svg, .png or .html.")
@click.option("--explain", "key", help="Show where a number comes from, for example step_s.")
@click.option("--json", "as_json", is_flag=True, help="Print the response as JSON; no limit is null.")
def command(
    model: str,
    system: str,
    batch: float | None,
    context: float | None,
    weight_dtype: str | None,
    kv_dtype: str | None,
    mode: str,
    isl: float | None,
    osl: float | None,
    prefix: float,
    tp: int | None,
    pp: int | None,
    ep: int | None,
    dp: int | None,
    cp: int | None,
    redundant_experts: int | None,
    engine: str,
    efficiency: str,
    show_table: bool,
    price_per_gpu_hour: float | None,
    fast_speedup: float,
    plot: Path | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Does MODEL fit on a system, what binds, how fast, and what does a token cost?

    MODEL is a catalogue id, a Hugging Face id in the catalogue, or a path to a config.json.

    \b
    Examples:
    tokenroof analyze deepseek-v3 --system gb200-nvl72
    tokenroof analyze ./config.json --system 8xh200 --batch 64 --context 32768 --plot page.svg
    tokenroof analyze gpt-oss-120b --system h100 --explain step_s
    """
    from tokenroof.usecases.analyze.run import AnalyzeRequest, analyze

    answer = analyze(
        AnalyzeRequest(
            model=model,
            system=system,
            batch=batch,
            context=context,
            weight_dtype=weight_dtype,
            kv_dtype=kv_dtype,
            mode=mode,
            isl=isl,
            osl=osl,
            prefix=prefix,
            tp=tp,
            pp=pp,
            ep=ep,
            dp=dp,
            cp=cp,
            redundant_experts=redundant_experts,
            engine=engine,
            efficiency=efficiency,
            usd_per_gpu_h=price_per_gpu_hour,
            fast_speedup=fast_speedup,
        )
    )
    if plot is not None:
        if answer.operators is not None:
            from tokenroof.present.charts.analyze import draw_operators as draw
        else:
            from tokenroof.present.charts.closed_form import draw
        draw(answer, plot)
        note(f"chart written to {plot}")
    if key is not None:
        from tokenroof.usecases.analyze.explain import explain_number, text_of

        explanation = explain_number(answer, key)
        echo_json(explanation.to_dict()) if as_json else click.echo(text_of(explanation))
    elif as_json:
        echo_json(answer)
    else:
        _print(answer)
        if show_table and answer.operators is not None:
            from tokenroof.cli.analyze_operators import print_operators

            click.echo()
            print_operators(answer.operators)
    if not _fits(answer):
        note(_not_fitting(answer))
        sys.exit(1)
