"""The verbs of `haloy`, one module each."""

import typer

from haloy import __version__
from haloy.cli import serve

app = typer.Typer(
    name="haloy",
    help="Routes, Backends and HealthPolicies, made true by HAProxy.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"haloy {__version__}")
        raise typer.Exit


@app.callback()
def _haloy(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and leave."
    ),
) -> None:
    """Routes, Backends and HealthPolicies, made true by HAProxy."""


app.command(epilog=serve.EPILOG)(serve.serve)
