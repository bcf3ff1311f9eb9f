"""`tokenroof speculate`: speed-up of speculative decoding by batch and depth."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenroof.cli.economics_options import line, plot_option, print_defaults, refuse, serving_fields, serving_options
from tokenroof.cli.outputs import check_outputs, write_outputs
from tokenroof.cli.render import echo_json, heading, print_table
from tokenroof.present.json import finite_json

if TYPE_CHECKING:
    from tokenroof.usecases.money.speculate import SpeculateResponse

__all__ = ["command"]


def _stop(batch: float | None) -> str:
    if batch is None:
        return "never"
    return "at once" if batch == 0 else f"{batch:,.0f}"


def _print(answer: "SpeculateResponse") -> None:
    heading(f"{answer.model_name} on {answer.system_name}, {answer.layout}")
    line("context", f"{answer.context:,.0f} tokens")
    line("draft", answer.drafter)
    accepted = "by depth" if answer.acceptance is None else f"{answer.acceptance:g} a draft"
    line("acceptance", accepted, answer.acceptance_source)
    click.echo()
    print_table(
        ("batch", "pass ms", "best", "speed-up", "tok/s/user", "tok/s", *(f"g={depth}" for depth in answer.depths)),
        [
            (
                f"{row.batch:,.0f}",
                f"{row.step_s * 1e3:,.2f}",
                f"g={row.best_depth}" if row.best_depth else "none",
                f"{max(row.best_speedup, 1.0) if row.best_depth else 1.0:.2f}x",
                f"{row.tokens_per_s_per_user:,.1f}",
                f"{row.output_tokens_per_s:,.0f}",
                *(f"{point.speedup:.2f}{'c' if point.compute_bound else ''}" for point in row.points),
            )
            for row in answer.rows
        ],
        right=range(6 + len(answer.depths)),
    )
    click.echo("  c: arithmetic of the verification outlasts its reads")
    print_table(
        ("drafts", *(str(depth) for depth in answer.depths)),
        [
            ("tokens a verification", *(f"{length:.2f}" for length in answer.lengths)),
            ("stops paying at batch", *(_stop(stop.batch) for stop in answer.depth_stops)),
        ],
        right=range(1, 1 + len(answer.depths)),
    )
    click.echo()
    line(
        "most",
        f"{answer.best_speedup:.2f}x",
        f"at a batch of {answer.best_batch:,.0f}, g={answer.typical_depth}",
    )
    heading(answer.sentence)
    click.echo(f"  claim level: {answer.claim_level} (times by profile {answer.profile})")
    click.echo(f"  left out: {', '.join(answer.left_out)}")
    print_defaults(answer.defaults)


def _rows(answer: "SpeculateResponse") -> list[dict[str, Any]]:
    """Every depth at every batch."""
    plain = [finite_json(row) for row in answer.rows]
    return [{"batch": row["batch"], "step_s": row["step_s"], **point} for row in plain for point in row["points"]]


def _list() -> None:
    from tokenroof.catalog.acceptance import acceptance_curves

    print_table(
        ("curve", "measured on", "tokens a verification, by drafts", "source"),
        [
            (curve.id, curve.checkpoint, ", ".join(f"{x:.2f}" for x in curve.lengths), curve.source)
            for curve in acceptance_curves()
        ],
    )


@click.command("speculate", short_help="Speculative decoding: speed-up by batch and depth.")
@click.argument("model", required=False)
@serving_options
@click.option("--acceptance", type=float, help="Chance that one more draft is accepted, 0 to 1.")
@click.option("--measured", help="A measured acceptance curve: tokenroof speculate --list.")
@click.option("--draft", help="mtp, head (one more layer), or a model. [default: the model's MTP head]")
@click.option("--draft-cost", type=float, help="Instead: a draft's pass over the target's, 0 to 1.")
@click.option("--depth", "depths", type=int, multiple=True, help="Drafts in a verification (repeatable).")
@click.option("--batch", "batches", type=float, multiple=True, help="Sequences of one pass of one copy (repeatable).")
@click.option("--list", "show_list", is_flag=True, help="List the measured acceptance curves.")
@plot_option
def command(model: str | None, **options: Any) -> None:
    """How much faster MODEL decodes with drafts, and from which batch on it does not.

    \b
    tokenroof speculate deepseek-v3 --system 8xh200
    tokenroof speculate llama-3.1-70b --system 8xh100 --draft llama-3.1-8b --acceptance 0.8 --plot spec.svg
    tokenroof speculate glm-5.2-fp8 --system 8xb200 --depth 1 --depth 3 --batch 64 --batch 512
    tokenroof speculate --list
    """
    if options["show_list"]:
        _list()
        return
    if model is None or options["system"] is None:
        raise click.UsageError("MODEL and --system are needed, or --list")
    from tokenroof.usecases.money.operating import Infeasible
    from tokenroof.usecases.money.speculate import SpeculateRequest, speculate

    paths = check_outputs(options["plot"], options["outputs"])
    fields = serving_fields(options)
    answer = speculate(
        SpeculateRequest(
            model=model,
            **fields,
            acceptance=options["acceptance"],
            measured=options["measured"],
            draft=options["draft"],
            draft_cost=options["draft_cost"],
            depths=options["depths"],
            batches=options["batches"],
        )
    )
    if isinstance(answer, Infeasible):
        refuse(answer, options["as_json"])

    def chart(path: Path) -> None:
        from tokenroof.present.charts.speculate import draw

        draw(answer, path)

    write_outputs(answer, paths, chart, _rows(answer))
    if options["as_json"]:
        echo_json(answer)
    else:
        _print(answer)
