"""`goldens/<a sentence>.in.yaml` → `goldens/<a sentence>.out.yaml`: the Model and the findings, side by side.

A document of kind Surroundings gives what is not an object: `resolutions`, `namespaces`, and changes to the Context.
After a wanted change: pytest tests/translate --update-goldens, and read the diff.
"""

from pathlib import Path
from typing import Any

import pytest
import yaml

from haloy.api.snapshot import Resolution, Snapshot
from haloy.model.printing import to_yaml
from haloy.model.refs import FieldRef, ObjectRef
from haloy.translate import Translation, translate
from tests.translate.world import context, load

GOLDENS = sorted((Path(__file__).parent / "goldens").glob("*.in.yaml"))


def surroundings(document: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(arguments for the Snapshot, arguments for the Context)."""
    resolutions = {
        name: Resolution(tuple(answer.get("addresses", ())), answer.get("error"))
        for name, answer in document.get("resolutions", {}).items()
    }
    changes = dict(document.get("context", {}))
    if "excluded" in changes:
        changes["excluded"] = {source(text): words for text, words in changes["excluded"].items()}
    return {"resolutions": resolutions, "namespaces": document.get("namespaces", {})}, changes


def source(text: str) -> ObjectRef | FieldRef:
    ref, _, field = text.partition(" ")
    return FieldRef(ObjectRef.parse(ref), field) if field else ObjectRef.parse(ref)


def translated(path: Path) -> Translation:
    documents = list(yaml.safe_load_all(path.read_text()))
    around: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    found = []
    for document in documents:
        if document["kind"] == "Surroundings":
            around = surroundings(document)
        else:
            found.append(load(document))
    world = Snapshot({item.ref: item for item in found}, synced=True, **around[0])
    return translate(world, context(**around[1]))


def printed(translation: Translation) -> str:
    model = translation.delivery.model
    return to_yaml(
        {
            "1 findings": {ref: list(report.findings) for ref, report in translation.reports.items()},
            "2 programs": {
                ref: {"hosts": report.hosts, "clusters": report.clusters, "certificates": report.certificates}
                for ref, report in translation.reports.items()
            },
            "3 model": {
                "virtual_hosts": model.virtual_hosts,
                "clusters": model.clusters,
                "certificates": model.certificates,
                "bundles": model.bundles,
            },
        },
        defaults=False,
    )


def test_there_are_goldens() -> None:
    assert GOLDENS


@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.name.removesuffix(".in.yaml"))
def test_golden(path: Path, update_goldens: bool) -> None:
    expected = path.with_name(path.name.replace(".in.yaml", ".out.yaml"))
    actual = printed(translated(path))
    if update_goldens:
        expected.write_text(actual)
    assert actual == expected.read_text()
