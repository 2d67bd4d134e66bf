"""`haloy lint`: what is wrong with files, before anything runs."""

import json
import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from haloy.cli.lint_rules import LintFinding, Severity
from haloy.cli.options import Config
from haloy.cli.output import epilog, fail, warn


class LintFormat(StrEnum):
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
    count = dict.fromkeys(Severity, 0)
    for finding in findings:
        count[finding.severity] += 1
        typer.echo(str(finding))
    counted = f"{objects} object{'' if objects == 1 else 's'}"
    if not any(count.values()):
        typer.echo(f"{counted}, nothing found")
        return
    words = [f"{number} {severity}{'' if number == 1 else 's'}" for severity, number in count.items() if number]
    typer.echo(f"{' and '.join(words)} in {counted}", err=True)


def _print_json(value: object) -> None:
    json.dump(value, sys.stdout, indent=2)
    sys.stdout.write("\n")
