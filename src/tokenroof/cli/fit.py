"""`tokenroof fit`: refit the efficiency profiles on public measurements."""

from pathlib import Path

import click

from tokenroof.cli.outputs import check_folder
from tokenroof.cli.render import echo_json, echo_page, note

__all__ = ["command"]


@click.command("fit")
@click.option("--ops", type=click.Path(path_type=Path), help="Folder of kernel timings (ops_*.csv.gz).")
@click.option("--runs", type=click.Path(path_type=Path), help="Folder of measured runs (tidy CSV).")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to write; default: the catalogue.")
@click.option("--as-of", default="2026-11-25", show_default=True, help="Date to write into the files.")
@click.option("--no-held-out", is_flag=True, help="Skip the cross-validation: quick, but ranges are then too narrow.")
@click.option("--full", is_flag=True, help="Constants beside their priors, how ranges hold, differences of pairs.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(
    ops: Path | None, runs: Path | None, output: Path | None, as_of: str, no_held_out: bool, full: bool, as_json: bool
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
    if output is not None:
        check_folder(output, "a folder: there is a profile for each chip and engine")
    request = FitRequest(ops=ops, runs=runs, output=output, as_of=as_of, cross_validate=not no_held_out)
    answer = fit_profiles(request, progress=note)
    if as_json:
        echo_json(answer)
        return
    from tokenroof.present.pages.fit import page_of

    echo_page(page_of(answer), full)
