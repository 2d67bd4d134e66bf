"""Every manifest that people may copy, in examples/ and in the documents, is accepted by haloy and by the CRDs."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from haloy.api.load import load_object
from haloy.api.v1alpha1.base import API_VERSION
from haloy.sources.yaml_documents import read_yaml
from tests.api.manifests import FULL
from tests.api.schemas import closed, crd_schema

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^( *)```ya?ml\n(.*?)^\1```", re.MULTILINE | re.DOTALL)


def _texts() -> Iterator[tuple[str, str]]:
    for path in sorted(ROOT.glob("examples/**/*.y*ml")):
        yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))):
        for number, (indent, block) in enumerate(FENCE.findall(path.read_text(encoding="utf-8"))):
            yield f"{path.relative_to(ROOT)}#{number}", re.sub(f"^{indent}", "", block, flags=re.MULTILINE)


def _documents() -> Iterator[tuple[str, Any]]:
    for name, text in _texts():
        if f"apiVersion: {API_VERSION}" in text:
            for number, document in enumerate(read_yaml(text.encode())):
                if isinstance(document.value, dict) and document.value.get("apiVersion") == API_VERSION:
                    yield f"{name}:{number}", document.value
    for number, full in enumerate(FULL):
        yield f"full:{number}", full


DOCUMENTS = dict(_documents())


def test_there_are_examples() -> None:
    assert any(name.startswith("examples/") for name in DOCUMENTS)


@pytest.mark.parametrize("name", list(DOCUMENTS))
def test_an_example_is_accepted(name: str) -> None:
    document = DOCUMENTS[name]
    load_object(document)
    tls = document["spec"].get("tls", {})
    if not {"crtFile", "keyFile"} & set(tls):  # These stand in files only.
        Draft202012Validator(closed(crd_schema(document["kind"])["properties"]["spec"])).validate(document["spec"])
