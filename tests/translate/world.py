"""Short ways to a Snapshot and a Context."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from haloy.api.load import load_object
from haloy.api.snapshot import Object, Resolution, Snapshot
from haloy.model.listener import Bind, Fleet, Listener
from haloy.model.refs import FieldRef, ObjectRef
from haloy.translate import Context

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
FLEET = Fleet(
    (
        Listener("http", (Bind("127.0.0.1", 8080),), tls=False, public_port=80),
        Listener("https", (Bind("127.0.0.1", 8443),), tls=True, public_port=443),
    )
)


def context(**changes: Any) -> Context:
    return Context(**{"fleet": FLEET, "now": NOW, **changes})


def snapshot(objects: Iterable[Object], resolutions: Mapping[str, Resolution] | None = None, **more: Any) -> Snapshot:
    return Snapshot({item.ref: item for item in objects}, resolutions=resolutions or {}, synced=True, **more)


def load(document: dict[str, Any]) -> Object:
    version = "v1" if document["kind"] == "Secret" else "haloy.dev/v1alpha1"
    return load_object({"apiVersion": version, **document})


def route(name: str, spec: dict[str, Any], namespace: str = "web", **metadata: Any) -> Object:
    head = {"name": name, "namespace": namespace, **metadata}
    return load({"kind": "Route", "metadata": head, "spec": spec})


def backend(name: str, namespace: str = "web", **spec: Any) -> Object:
    given = spec or {"endpoints": [{"address": "10.0.0.1", "port": 8080}]}
    return load({"kind": "Backend", "metadata": {"name": name, "namespace": namespace}, "spec": given})


@dataclass(frozen=True, slots=True)
class World:
    """What a golden's input file says. `explain`: the objects to be explained."""

    snapshot: Snapshot
    context: Context
    explain: tuple[ObjectRef, ...]


def read_world(path: Path) -> World:
    """Objects as users write them (`apiVersion` may be left out), and at most one document of kind Surroundings with what
    is not an object: `resolutions`, `namespaces`, changes to the Context, and what to explain."""
    documents = list(yaml.safe_load_all(path.read_text()))
    around = next((document for document in documents if document["kind"] == "Surroundings"), {})
    resolutions = {
        name: Resolution(tuple(answer.get("addresses", ())), answer.get("error"))
        for name, answer in around.get("resolutions", {}).items()
    }
    changes = dict(around.get("context", {}))
    if "excluded" in changes:
        changes["excluded"] = {_source(text): words for text, words in changes["excluded"].items()}
    found = [load(document) for document in documents if document["kind"] != "Surroundings"]
    return World(
        snapshot(found, resolutions, namespaces=around.get("namespaces", {})),
        context(**changes),
        tuple(ObjectRef.parse(text) for text in around.get("explain", ())),
    )


def _source(text: str) -> ObjectRef | FieldRef:
    ref, _, field = text.partition(" ")
    return FieldRef(ObjectRef.parse(ref), field) if field else ObjectRef.parse(ref)
