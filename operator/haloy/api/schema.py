"""Structural OpenAPI schemas, as CRDs demand them, from the API's classes.

What is structural is said in Kubernetes' documentation, "Specifying a structural schema": every node has a type,
nothing is referred to, nothing is alternative, unknown fields are the server's business.
"""

import json
from typing import Any

from pydantic import BaseModel

Node = dict[str, Any]

FILES_ONLY = "x-haloy-files-only"
"""Stands in the schema of a field that objects in a cluster cannot have."""
EXAMPLE = "x-haloy-example"
_KEPT = (
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "maxProperties",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-validations",
    FILES_ONLY,
)


def structural(model: type[BaseModel], *, files_only: bool = False) -> Node:
    """The schema of a part of the API, with examples under `EXAMPLE`. Fields that only files may have are left out
    unless `files_only`.

    Raises:
        TypeError: a field has a shape that no structural schema can express.
    """
    schema = model.model_json_schema(by_alias=True)
    return _node(schema, schema.get("$defs", {}), files_only)


def _node(schema: Node, defs: dict[str, Node], files_only: bool) -> Node:
    schema = _resolved(schema, defs)
    node: Node = {"type": _type(schema), "description": " ".join(schema.get("description", "").split())}
    if schema.get("examples"):
        node[EXAMPLE] = schema["examples"][0]
    if "enum" in schema or "const" in schema:
        node["enum"] = schema.get("enum", [schema.get("const")])
    node |= {key: schema[key] for key in _KEPT if key in schema}
    if "format" in schema and schema["format"] == "date-time":
        node["format"] = "date-time"
    match node["type"]:
        case "integer":
            node["format"] = "int32" if "maximum" in schema else "int64"
        case "array":
            node["items"] = _node(schema["items"], defs, files_only)
            node.setdefault("x-kubernetes-list-type", "atomic")
        case "object" if values := _values(schema):
            node["additionalProperties"] = _node(values, defs, files_only)
        case "object":
            properties = schema.get("properties", {})
            kept = {name: part for name, part in properties.items() if files_only or not part.get(FILES_ONLY)}
            if kept:
                node["properties"] = {name: _node(part, defs, files_only) for name, part in kept.items()}
            if schema.get("required"):
                node["required"] = schema["required"]
    default = _filled(_default(schema.get("default")), node)
    if default not in (
        None,
        "",
        [],
        {},
    ):  # What is empty by default stays absent, so as not to litter people's objects.
        node["default"] = default
    return node


def _resolved(schema: Node, defs: dict[str, Node]) -> Node:
    """The schema without $ref and without the alternative null: a field that may be absent is absent, never null."""
    while "$ref" in schema or "anyOf" in schema:
        own = {key: value for key, value in schema.items() if key not in ("$ref", "anyOf")}
        if "$ref" in schema:
            inner = defs[schema["$ref"].removeprefix("#/$defs/")]
        else:
            alternatives = [part for part in schema["anyOf"] if part.get("type") != "null"]
            if len(alternatives) != 1:
                raise TypeError(f"no structural schema: {schema}")
            inner = alternatives[0]
        schema = {**inner, **own}
    return schema


def _values(schema: Node) -> Node | None:
    """The schema of a map's values. What its keys look like no structural schema can say; haloy checks it."""
    alternatives = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
    return next((part for part in alternatives if isinstance(part, dict)), None)


def _type(schema: Node) -> str:
    if "type" in schema:
        return str(schema["type"])
    raise TypeError(f"no structural schema: {schema}")


def _default(value: Any) -> Any:
    """Defaults of objects are filled in field by field, by the server as by pydantic."""
    match value:
        case dict():
            return {}
        case list() | tuple():
            return [_default(item) for item in value]
        case _:
            return value


def _filled(default: Any, node: Node) -> Any:
    """A default with its own defaults: the server judges it as it stands, before it fills it in."""
    match default:
        case dict():
            own = {name: part["default"] for name, part in node.get("properties", {}).items() if "default" in part}
            return own | default
        case list():
            return [_filled(item, node["items"]) for item in default]
        case _:
            return default


def published(node: Node) -> Node:
    """The schema as a CRD has it: `kubectl explain` shows descriptions only, so default and example are told there."""
    description = node.get("description", "")
    if "default" in node and not isinstance(node["default"], dict) and not _has_objects(node["default"]):
        description = f"{description} Default: {json.dumps(node['default'])}."
    if EXAMPLE in node:
        description = f"{description} Example: {json.dumps(node[EXAMPLE])}."
    out = {key: value for key, value in node.items() if key not in (EXAMPLE, FILES_ONLY, "description")}
    if description:
        out = {"type": out.pop("type"), "description": description.strip(), **out}
    for key in ("items", "additionalProperties"):
        if key in node:
            out[key] = published(node[key])
    if "properties" in node:
        out["properties"] = {name: published(part) for name, part in node["properties"].items()}
    return out


def _has_objects(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)
