"""`tokenroof web`: the page and the API, on this machine."""

import click

from tokenroof.cli.render import WHOLE, note

__all__ = ["command"]


@click.command("web")
@click.option("--port", type=WHOLE, default=0, metavar="PORT", help="Port to listen at. [default: a free one]")
@click.option("--no-open", "stays", is_flag=True, help="Open no browser.")
def command(port: int, stays: bool) -> None:
    """See it, drag it, share it: every view in a browser, served on 127.0.0.1 until Ctrl-C.

    The API is at /api/v1, described at /api/docs. Nothing leaves this machine.

    \b
    tokenroof web
    tokenroof web --port 8642 --no-open
    """
    from tokenroof.errors import InputError
    from tokenroof.web.serve import serve

    if not 0 <= port <= 65_535:
        raise InputError("port", port, "from 0 to 65,535")

    def ready(url: str) -> None:
        click.echo(url)
        note("Ctrl-C ends it")
        if not stays:
            from webbrowser import open_new_tab

            open_new_tab(url)

    serve(port, on_ready=ready)
