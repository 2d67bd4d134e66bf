"""The command line: `haloy <verb>`. Exit codes: 0 well, 1 findings or not ready, 2 it could not be done."""


def main() -> None:
    """The console script. Imports late, so that `haloy --help` and completion stay quick."""
    try:
        from haloy.cli.app import app

        app()
    except KeyboardInterrupt:  # while importing; typer has the rest
        raise SystemExit(130) from None
