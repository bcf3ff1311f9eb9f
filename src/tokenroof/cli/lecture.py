"""`tokenroof lecture`: the claims by chapter with their verdicts, or one claim worked through."""

import click

from tokenroof.cli.render import echo_json, echo_page

__all__ = ["command"]


@click.command("lecture")
@click.argument("claim", metavar="[ID]", required=False)
@click.option("--chapter", metavar="KEY", help="Only one chapter, by the key in brackets after its title.")
@click.option("--only", metavar="VERDICT", help="Only claims that are reproduced, corrected or a claim.")
@click.option("--full", is_flag=True, help="Every claim, however many.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole response as JSON.")
def command(claim: str | None, chapter: str | None, only: str | None, full: bool, as_json: bool) -> None:
    """Recompute the claims of the blackboard lecture, of the article about it and of the works it leans on.

    With an ID, work that one claim through: formulas, numbers, stated against computed, verdict and source.

    \b
    tokenroof lecture                          everything, by chapter
    tokenroof lecture S1                       one claim worked through
    tokenroof lecture --chapter batch
    tokenroof lecture --only corrected
    """
    from tokenroof.present.pages.lecture import claim_page, list_page
    from tokenroof.usecases.lecture import LectureRequest, lecture

    response = lecture(LectureRequest(claim=claim, chapter=chapter, only=only))
    if as_json:
        echo_json(response)
    elif claim is not None and response.claims:
        echo_page(claim_page(response.claims[0], response.chapters[0].title))
    else:
        echo_page(list_page(response, chapter is None and only is None, full), full)
