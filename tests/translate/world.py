"""Short ways to a Snapshot and a Context."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import yaml

from haloy.api.load import load_object
from haloy.api.snapshot import Object, Resolution, Snapshot
from haloy.model.listener import Bind, Fleet, Listener
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


def objects(text: str) -> list[Object]:
    """The objects of YAML documents; `apiVersion` may be left out."""
    return [load(document) for document in yaml.safe_load_all(text) if document]


def load(document: dict[str, Any]) -> Object:
    version = "v1" if document["kind"] == "Secret" else "haloy.dev/v1alpha1"
    return load_object({"apiVersion": version, **document})


def route(name: str, spec: dict[str, Any], namespace: str = "web", **metadata: Any) -> Object:
    head = {"name": name, "namespace": namespace, **metadata}
    return load({"kind": "Route", "metadata": head, "spec": spec})


def backend(name: str, namespace: str = "web", **spec: Any) -> Object:
    given = spec or {"endpoints": [{"address": "10.0.0.1", "port": 8080}]}
    return load({"kind": "Backend", "metadata": {"name": name, "namespace": namespace}, "spec": given})
