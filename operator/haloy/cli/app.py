"""The verbs of `haloy`, one module each. Whatever is slow to import is imported when a verb runs."""

import typer

from haloy import __version__
from haloy.cli import lint, render, route, serve, status
from haloy.cli.output import epilog

RUN = "Run it"
LOOK = "Before it runs"
ASK = "While it runs"

app = typer.Typer(
    name="haloy",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"haloy {__version__}")
        raise typer.Exit


@app.callback(
    epilog=epilog(
        "haloy serve examples/quickstart --demo",
        "haloy lint examples/quickstart",
        "haloy status",
        "haloy route test GET http://shop.localhost/api --live",
        codes="0 well, 1 findings or not ready, 2 it could not be done",
    )
)
def _haloy(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and leave."
    ),
) -> None:
    """Routes, Backends and HealthPolicies, made true by HAProxy."""


app.command(epilog=serve.EPILOG, rich_help_panel=RUN)(serve.serve)
app.command(epilog=lint.EPILOG, rich_help_panel=LOOK)(lint.lint)
app.command(epilog=render.EPILOG, rich_help_panel=LOOK)(render.render)
app.command(epilog=status.STATUS_EPILOG, rich_help_panel=ASK)(status.status)
app.command(epilog=status.RELOADS_EPILOG, rich_help_panel=ASK)(status.reloads)
app.command(epilog=route.EXPLAIN_EPILOG, rich_help_panel=ASK)(route.explain)
app.add_typer(route.route, name="route", rich_help_panel=ASK)
