import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from haloy import __version__
from tests.cli.command import haloy
from tests.cli.manifests import backend, route, write

POSITION = {"type": "integer", "minimum": 1}
TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
PHYSICAL = {
    "type": "object",
    "required": ["artifactLocation"],
    "additionalProperties": False,
    "properties": {
        "artifactLocation": {"type": "object", "required": ["uri"], "properties": {"uri": {"type": "string"}}},
        "region": {
            "type": "object",
            "required": ["startLine"],
            "additionalProperties": False,
            "properties": {"startLine": POSITION, "startColumn": POSITION},
        },
    },
}
LOGICAL = {
    "type": "object",
    "required": ["fullyQualifiedName"],
    "additionalProperties": False,
    "properties": {"fullyQualifiedName": {"type": "string"}, "name": {"type": "string"}, "kind": {"const": "resource"}},
}
RULE = {
    "type": "object",
    "required": ["id"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "pattern": "^HLY0[0-9]{3}$"},
        "name": {"type": "string"},
        "shortDescription": TEXT,
        "defaultConfiguration": {"type": "object", "properties": {"level": LEVEL}, "additionalProperties": False},
    },
}
RESULT = {
    "type": "object",
    "required": ["message", "ruleId", "ruleIndex", "level", "locations"],
    "additionalProperties": False,
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": LEVEL,
        "message": TEXT,
        "locations": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "physicalLocation": PHYSICAL,
                    "logicalLocations": {"type": "array", "items": LOGICAL},
                },
            },
        },
    },
}
DRIVER = {
    "type": "object",
    "required": ["name", "rules"],
    "additionalProperties": False,
    "properties": {
        "name": {"const": "haloy"},
        "semanticVersion": {"const": __version__},
        "rules": {"type": "array", "items": RULE, "uniqueItems": True},
    },
}
SARIF = {
    "type": "object",
    "required": ["$schema", "version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "pattern": "sarif-schema-2.1.0.json$"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "additionalProperties": False,
                "properties": {
                    "tool": {"type": "object", "required": ["driver"], "properties": {"driver": DRIVER}},
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {"type": "array", "items": RESULT},
                },
            },
        },
    },
}
"""The parts of the OASIS schema of SARIF 2.1.0 that haloy uses, closed: whatever else were written would be refused."""


def sarif(*arguments: object, cwd: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(haloy("lint", "-o", "sarif", *arguments, cwd=cwd).out)
    Draft202012Validator(SARIF).validate(found)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "a b.yaml", route("shop", "rules:\n- backendRefs: [{name: shop}]"))
    (tmp_path / "broken.yaml").write_text("a: [")
    return tmp_path


def test_findings_are_valid_sarif(folder: Path) -> None:
    results = sarif(".", cwd=folder)["runs"][0]["results"]
    assert [result["ruleId"] for result in results] == ["HLY0201", "HLY0101"]


def test_each_result_points_to_its_rule_and_its_place(folder: Path) -> None:
    run = sarif(".", cwd=folder)["runs"][0]
    result = run["results"][0]
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "HLY0201"
    location = result["locations"][0]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "a%20b.yaml"},
        "region": {"startLine": 6, "startColumn": 19},
    }
    assert location["logicalLocations"][0]["fullyQualifiedName"] == ("route/default/shop spec.rules[0].backendRefs[0]")


def test_files_elsewhere_have_absolute_uris(folder: Path) -> None:
    run = sarif(folder / "broken.yaml", cwd=Path("/"))["runs"][0]
    location = run["results"][0]["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == (folder / "broken.yaml").as_uri()


def test_nothing_found_is_a_run_without_results(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", backend("shop"))
    assert sarif("a.yaml", cwd=tmp_path)["runs"][0]["results"] == []
