"""`haloy lint`: what is wrong with files, before anything runs."""

import json
import sys
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from haloy.cli.lint_rules import LintFinding, Severity
from haloy.cli.options import Config
from haloy.cli.output import epilog, fail, warn


class LintFormat(StrEnum):
    """How findings are printed: lines that editors understand, JSON, or SARIF 2.1.0 for code scanning."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"


EPILOG = epilog(
    "haloy lint examples/quickstart",
    "haloy lint routes.yaml backends.yaml",
    "haloy lint . -o sarif > haloy.sarif",
    "kubectl kustomize . | haloy lint -",
    codes="0 nothing found, 1 findings (warnings count), 2 it could not be done",
)


def lint(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files and directories; - is standard input. [.]", show_default=False)
    ] = None,
    output: Annotated[LintFormat, typer.Option("-o", "--output", help="How to print the findings.")] = LintFormat.TEXT,
    config: Config = None,
    no_haproxy: Annotated[
        bool, typer.Option("--no-haproxy", help="Do not ask HAProxy (haproxy -c) about the rendered configuration.")
    ] = False,
) -> None:
    """Find what is wrong with Routes, Backends, HealthPolicies and certificates, offline.

    Syntax and schema with line and column, references, conflicts, certificates, and at last HAProxy's own verdict on the
    configuration that the files come to. DNS names are not looked up: nothing here uses the network.
    """
    from haloy.cli.findings import lint_paths
    from haloy.cli.offline import PathError
    from haloy.proxies.haproxy.process.binary import BinaryError
    from haloy.settings import SettingsError

    try:
        found = lint_paths(paths or [Path()], config, ask_haproxy=not no_haproxy)
    except (PathError, SettingsError, BinaryError) as error:
        fail(str(error))
    match output:
        case LintFormat.TEXT:
            _print_text(found.findings, found.objects)
        case LintFormat.JSON:
            _print_json({"findings": [finding.to_json() for finding in found.findings], "objects": found.objects})
        case LintFormat.SARIF:
            from haloy.cli.sarif import sarif

            _print_json(sarif(found.findings))
    if found.note:
        warn(found.note)
    raise typer.Exit(1 if found.findings else 0)


def _print_text(findings: Iterable[LintFinding], objects: int) -> None:
    listed = list(findings)
    for finding in listed:
        typer.echo(str(finding))
    if not listed:
        typer.echo(f"{_counted(objects, 'object')}, nothing found")
        return
    count = Counter(finding.severity for finding in listed)
    words = [_counted(count[severity], severity) for severity in Severity if count[severity]]
    typer.echo(f"{' and '.join(words)}{_extent(listed)}", err=True)


def _extent(findings: Iterable[LintFinding]) -> str:
    """` in 2 objects and 1 file`: what there is to mend. A file counts where it could not be told which object is wrong."""
    refs, files = set(), set()
    for finding in findings:
        if finding.ref is not None:
            refs.add(finding.ref)
        elif finding.place is not None:
            files.add(finding.place.file)
    words = [_counted(len(found), kind) for found, kind in ((refs, "object"), (files, "file")) if found]
    return f" in {' and '.join(words)}" if words else ""


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _print_json(value: object) -> None:
    json.dump(value, sys.stdout, indent=2)
    sys.stdout.write("\n")
