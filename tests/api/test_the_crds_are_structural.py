"""The rules of Kubernetes' documentation, "Specifying a structural schema", "Defaulting" and "Validation rules"."""

import re
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_schema_validator import OAS30Validator

from haloy.api.crd import GENERATED, KINDS, MAX_BYTES, crd, documents
from haloy.api.schema import Node
from tests.api.schemas import crd_schema, nodes

KEYWORDS = {
    *("type", "format", "description", "default", "enum", "pattern", "properties", "required", "items"),
    *("additionalProperties", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "maxProperties"),
    *("x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-validations"),
}
"""What haloy's schemas use of JSONSchemaProps; $ref, uniqueItems, anyOf and the like are forbidden or not structural."""
ALL = [(kind.name, path, node) for kind in KINDS for path, node in nodes(crd_schema(kind.name))]
IDS = [f"{kind}{path}" for kind, path, _ in ALL]
VALIDATIONS = "x-kubernetes-validations"

every_node = pytest.mark.parametrize(("kind", "path", "node"), ALL, ids=IDS)
every_kind = pytest.mark.parametrize("kind", [kind.name for kind in KINDS])


@every_node
def test_a_node_has_a_type_and_known_keywords_only(kind: str, path: str, node: Node) -> None:
    assert node["type"] in {"object", "array", "string", "integer", "boolean"}
    assert set(node) <= KEYWORDS
    assert not ("properties" in node and "additionalProperties" in node)
    assert node.get("additionalProperties") is not False


@every_node
def test_a_field_is_described(kind: str, path: str, node: Node) -> None:
    is_item = path.endswith(("[]", "[*]"))
    if path != ".metadata" and not is_item:
        assert node["description"][0].isupper(), path
        assert node["description"].endswith("."), path
    if path.startswith((".spec.", ".status.")) and not is_item:
        assert "Example: " in node["description"], path


@every_node
def test_everything_is_bounded(kind: str, path: str, node: Node) -> None:
    match node["type"]:
        case "string" if path not in (".apiVersion", ".kind"):
            assert "maxLength" in node or "enum" in node or node.get("format") == "date-time"
        case "integer":
            assert "minimum" in node or "enum" in node
        case "array":
            assert "maxItems" in node
        case "object" if "additionalProperties" in node:
            assert "maxProperties" in node


@every_node
def test_a_list_says_how_it_is_merged(kind: str, path: str, node: Node) -> None:
    if node["type"] != "array":
        return
    match node["x-kubernetes-list-type"]:
        case "map":
            keys = node["x-kubernetes-list-map-keys"]
            item = node["items"]
            assert item["type"] == "object"
            assert all(key in item["required"] or "default" in item["properties"][key] for key in keys)
        case "set":
            assert node["items"]["type"] == "string"
        case other:
            assert other == "atomic"


@every_node
def test_a_default_is_valid_and_complete(kind: str, path: str, node: Node) -> None:
    if "default" in node:
        Draft202012Validator({key: value for key, value in node.items() if key != "default"}).validate(node["default"])
    for name in node.get("required", ()):
        assert "default" not in node["properties"][name], f"{path}.{name} is required and has a default"


@every_node
def test_a_validation_has_a_message_and_names_fields_that_exist(kind: str, path: str, node: Node) -> None:
    for check in node.get(VALIDATIONS, ()):
        assert check["message"]
        assert "\n" not in check["message"]
        properties = node.get("properties", {})
        for field in re.findall(r"\bself\.(\w+)", check["rule"]):
            assert field in properties, (path, field)
        if "fieldPath" in check:
            blamed = node
            for step in check["fieldPath"].removeprefix(".").split("."):
                blamed = blamed["properties"][step]


@every_node
def test_a_pattern_means_the_same_to_go_as_to_python(kind: str, path: str, node: Node) -> None:
    pattern = node.get("pattern", "^$")
    re.compile(pattern)
    assert pattern.startswith("^")
    assert pattern.endswith("$")
    without_sets = re.sub(r"\[(?:\\.|[^\]\\])*\]", "x", pattern)
    assert not re.search(r"\(\?[^:]|\\[1-9AZpP]|[*+?}]\+", without_sets), "not RE2"


@every_kind
def test_a_crd_is_openapi(kind: str) -> None:
    OAS30Validator.check_schema(crd_schema(kind))


@pytest.mark.parametrize(("name", "text"), documents().items(), ids=list(documents()))
def test_a_file_is_small_and_says_that_it_is_generated(name: str, text: str) -> None:
    assert text.startswith(GENERATED)
    assert len(text.encode()) < MAX_BYTES
    loaded: dict[str, Any] = yaml.safe_load(text)
    assert name == f"{loaded['metadata']['name']}.yaml"


def test_names_and_columns_are_those_of_the_design() -> None:
    columns = {}
    for kind in KINDS:
        definition = crd(kind)["spec"]
        assert definition["names"]["categories"] == ["haloy"]
        version = definition["versions"][0]
        assert version["subresources"] == {"status": {}}
        shown = [item["name"] for item in version["additionalPrinterColumns"] if not item.get("priority")]
        wide = [item["name"] for item in version["additionalPrinterColumns"] if item.get("priority")]
        assert wide == ["REASON", "MESSAGE"]
        columns[definition["names"]["shortNames"][0]] = shown
    assert columns == {
        "hroute": ["READY", "HOSTS", "BACKENDS", "PROXIES", "CERT-EXPIRES", "AGE"],
        "hbackend": ["READY", "UP", "ALGO", "HEALTH", "AGE"],
        "hpolicy": ["ACCEPTED", "TARGETS", "CHECK", "INTERVAL", "AGE"],
    }


@every_kind
def test_columns_look_at_fields_that_exist(kind: str) -> None:
    definition = next(item for item in KINDS if item.name == kind)
    for column in definition.columns:
        node = crd_schema(kind)
        if column.path.startswith(".metadata"):
            continue
        for step in re.findall(r"\.(\w+)(?=[.\[]|$)", re.sub(r"\[.*?\]", "", column.path)):
            node = node["items"] if node["type"] == "array" else node
            node = node["properties"][step]
        assert node["type"] in {"string", "integer"}


@every_kind
def test_an_unseen_object_says_that_it_waits(kind: str) -> None:
    conditions = crd_schema(kind)["properties"]["status"]["default"]["conditions"]
    assert {(item["type"], item["status"], item["message"]) for item in conditions} == {
        ("Accepted", "Unknown", "Waiting for controller"),
        ("Ready", "Unknown", "Waiting for controller"),
    }
