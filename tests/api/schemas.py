"""Structural schemas as the API server uses them: defaulting, and a walk over all nodes."""

import copy
from collections.abc import Iterator
from typing import Any

from haloy.api.crd import KINDS, crd
from haloy.api.schema import Node


def crd_schema(kind: str) -> Node:
    """The openAPIV3Schema in the CRD of a kind."""
    found = next(item for item in KINDS if item.name == kind)
    schema: Node = crd(found)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def nodes(node: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    """Every node of a schema with its path, the root first."""
    yield path, node
    for name, part in node.get("properties", {}).items():
        yield from nodes(part, f"{path}.{name}")
    if "items" in node:
        yield from nodes(node["items"], f"{path}[]")
    if "additionalProperties" in node:
        yield from nodes(node["additionalProperties"], f"{path}[*]")


def closed(node: Node) -> Node:
    """The schema with every object closed: what the API server would prune is an error."""
    copied = {key: value for key, value in node.items() if key not in ("properties", "items")}
    if "items" in node:
        copied["items"] = closed(node["items"])
    if node["type"] == "object":
        copied["properties"] = {name: closed(part) for name, part in node.get("properties", {}).items()}
        copied.setdefault("additionalProperties", False)
    return copied


def defaulted(value: Any, node: Node) -> Any:
    """`value` with the schema's defaults filled in, as the API server does before it validates."""
    if isinstance(value, dict):
        properties = node.get("properties", {})
        missing = {
            name: part["default"] for name, part in properties.items() if "default" in part and name not in value
        }
        filled = {**value, **copy.deepcopy(missing)}
        return {name: defaulted(item, properties.get(name, {})) for name, item in filled.items()}
    if isinstance(value, list):
        return [defaulted(item, node.get("items", {})) for item in value]
    return value
