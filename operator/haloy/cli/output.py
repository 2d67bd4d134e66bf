"""What all verbs share: errors without tracebacks, and the choice of output format."""

import json
import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NoReturn

import typer
import yaml

from haloy.text import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


class Format(StrEnum):
    """How an answer is printed: a table for people, JSON or YAML for programs."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


def console() -> "Console":
    """Standard output for tables: as wide as the terminal, and never folded in a file or a pipe."""
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=10_000)


def epilog(*examples: str, codes: str = "") -> str:
    """The end of a verb's help: what its exit codes mean, and examples, one to a line (a Markdown list)."""
    head = [f"Exit codes: {codes}."] if codes else []
    return "\n\n".join([*head, "Examples:", *(f"- {example}" for example in examples)])


def one_line(text: str, style: str = "") -> "Text":
    """One line of a table or of text for people, whatever is in it."""
    from rich.text import Text

    return Text(printable(text), style=style)


def warn(message: str) -> None:
    """Tell a person on standard error."""
    for said in message.splitlines() or ["failed"]:
        typer.echo(f"haloy: {printable(said)}", err=True)


def fail(message: str, code: int = 2) -> NoReturn:
    """Print an error for a person and leave."""
    warn(message)
    raise typer.Exit(code)


def emit(value: Mapping[str, Any], format: Format) -> None:
    """Print a value as JSON or YAML on standard output."""
    if format is Format.JSON:
        json.dump(value, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        yaml.safe_dump(dict(value), sys.stdout, sort_keys=False, allow_unicode=True)
