"""`tokenroof fit`: refit the efficiency profiles on public measurements."""

from pathlib import Path

import click

from tokenroof.cli.render import echo_json, heading, note, print_table

__all__ = ["command"]


@click.command("fit")
@click.option("--ops", type=click.Path(path_type=Path), help="Folder of kernel timings (ops_*.csv.gz).")
@click.option("--runs", type=click.Path(path_type=Path), help="Folder of measured runs (tidy CSV).")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to write; default: the catalogue.")
@click.option("--as-of", default="2026-11-25", show_default=True, help="Date to write into the files.")
@click.option("--no-held-out", is_flag=True, help="Skip the cross-validation: quick, but ranges are then too narrow.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(
    ops: Path | None, runs: Path | None, output: Path | None, as_of: str, no_held_out: bool, as_json: bool
) -> None:
    """Refit efficiency profiles: kernels, then engines, then errors on models and chips left out.

    \b
    tokenroof fit --ops measured/ --runs measured/ -o profiles/
    """
    from datetime import date

    from tokenroof.errors import InputError
    from tokenroof.usecases.measured.refit import FitRequest, fit_profiles

    try:
        date.fromisoformat(as_of)
    except ValueError:
        raise InputError("--as-of", as_of, "an ISO date such as 2026-11-25") from None
    request = FitRequest(ops=ops, runs=runs, output=output, as_of=as_of, cross_validate=not no_held_out)
    answer = fit_profiles(request, progress=note)
    if as_json:
        echo_json(answer)
        return
    if answer.constants:
        heading(f"Constants, from {answer.n:,} measurements")
        rows = [[name, f"{value:.4g}", f"{answer.priors[name]:.4g}"] for name, value in answer.constants.items()]
        print_table(["constant", "fitted", "prior"], rows, right=(1, 2))
    for title, table in (
        ("In sample", answer.in_sample),
        ("Models left out", answer.without_model),
        ("Chips left out", answer.without_chip),
    ):
        if table:
            heading(title)
            rows = [
                [r.set, r.metric, f"{r.n:,}", f"{100 * r.median_error:.1f} %", f"{100 * r.bias:+.1f} %"] for r in table
            ]
            print_table(["set", "metric", "n", "median error", "bias"], rows, right=(2, 3, 4))
    if answer.coverage:
        heading("Share in the 80 % range, ranges from the other groups")
        kinds = {None: "all", True: "with experts", False: "dense"}
        rows = [[c.left, c.metric, kinds[c.experts], f"{c.n:,}", f"{100 * c.share:.0f} %"] for c in answer.coverage]
        print_table(["left out", "metric", "models", "n", "share"], rows, right=(3, 4))
    if answer.pairs:
        heading("Difference between the errors of two deployments under one workload: 80 % lie within")
        rows = [
            [one.kind, one.metric, f"{one.n:,}", f"{one.width:.3f}", "-" if one.held is None else f"{one.held:.0%}"]
            for one in answer.pairs
        ]
        print_table(["differ in", "metric", "pairs", "width, log", "held on others"], rows, right=(2, 3, 4))
    for path in answer.written:
        note(f"written: {path}")
