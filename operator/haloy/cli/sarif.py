"""Findings as SARIF 2.1.0 (OASIS), which code-scanning services and editors read."""

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from haloy import __version__
from haloy.cli.lint_rules import RULES, LintFinding, LintRule

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(findings: Sequence[LintFinding]) -> dict[str, object]:
    """One run with all rules, and a result for each finding."""
    driver = {"name": "haloy", "semanticVersion": __version__, "rules": [_rule(rule) for rule in RULES]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding) for finding in findings],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: LintRule) -> dict[str, object]:
    return {
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": rule.description},
        "defaultConfiguration": {"level": rule.severity.value},
    }


def _result(finding: LintFinding) -> dict[str, object]:
    return {
        "ruleId": finding.rule.id,
        "ruleIndex": RULES.index(finding.rule),
        "level": finding.severity.value,
        "message": {"text": finding.message},
        "locations": [_location(finding)],
    }


def _location(finding: LintFinding) -> dict[str, object]:
    """The file and place where they are known, the object and field always."""
    location: dict[str, object] = {}
    if finding.place is not None:
        physical: dict[str, object] = {"artifactLocation": {"uri": _uri(finding.place.file)}}
        if finding.place.line:
            physical["region"] = {"startLine": finding.place.line} | (
                {"startColumn": finding.place.column} if finding.place.column else {}
            )
        location["physicalLocation"] = physical
    if finding.ref is not None:
        name = f"{finding.ref} {finding.field}".rstrip()
        location["logicalLocations"] = [{"fullyQualifiedName": name, "name": finding.ref.name, "kind": "resource"}]
    return location


def _uri(file: str) -> str:
    """A URI reference (RFC 3986): relative to where lint was run, or absolute for files elsewhere."""
    path = Path(file)
    return path.as_uri() if path.is_absolute() else quote(os.fsencode(path))
