"""Whatever haloy accepts from a file, the CRD's schema accepts too (rules over several fields: the test of rules)."""

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from haloy.api.crd import KINDS, object_schema
from haloy.api.load import InvalidObject, load_object
from tests.api.manifests import FULL
from tests.api.schemas import closed, crd_schema, nodes

VALIDATORS = {
    kind.name: Draft202012Validator(closed(object_schema(kind, files_only=True)["properties"]["spec"]))
    for kind in KINDS
}
VALUES = st.one_of(
    st.sampled_from(["", "/", "*", "*.example.com", "a.example.", "A.example:80", "bücher.example", "10.0.0.1", "::1"]),
    st.sampled_from(["0s", "1s", "1h30m", "60m", "480h", "1.5h", "200-399", "503", "x-env", "a\n", "a b", "%41", "{}"]),
    st.sampled_from([0, 1, -1, 256, 257, 65535, 65536, 1_000_000, True, False, None, [], {}, 1.0, "1"]),
    st.sampled_from(["Exact", "All", "Header", "h2", "https", "GET", "HEAD", "In", "Exists", "v1", "1.2", "acme"]),
    st.text(max_size=300),
    st.integers(),
)


def _places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _places(item, (*path, key))


@st.composite
def changed(draw: st.DrawFn) -> dict[str, Any]:
    """A full manifest in which one or two places are replaced, removed or repeated."""
    document = copy.deepcopy(draw(st.sampled_from(FULL)))
    for _ in range(draw(st.integers(1, 2))):
        places = [path for path in _places(document["spec"]) if path]
        if not places:
            break
        *above, last = draw(st.sampled_from(places))
        parent: Any = document["spec"]
        for step in above:
            parent = parent[step]
        match draw(st.sampled_from(["replace", "remove", "repeat"])):
            case "repeat" if isinstance(parent, list):
                parent.append(copy.deepcopy(parent[int(last)]))
            case "remove":
                del parent[last]
            case _:
                parent[last] = draw(VALUES)
    return document


def _without_nulls(value: Any) -> Any:
    """The API server prunes nulls before it validates."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=1500)
@given(changed())
def test_what_haloy_accepts_the_schema_accepts(document: dict[str, Any]) -> None:
    try:
        load_object(document)
    except InvalidObject:
        return
    VALIDATORS[document["kind"]].validate(_without_nulls(document["spec"]))


def test_the_full_manifests_use_every_field() -> None:
    used = {
        (document["kind"], "".join("[]" if isinstance(step, int) else f".{step}" for step in path))
        for document in FULL
        for path in _places(document)
    }
    for kind in KINDS:
        for path, _ in nodes(crd_schema(kind.name)["properties"]["spec"], ".spec"):
            is_repeated = "responseHeaderModifier" in path or path.endswith("[*]") or path.startswith(".status")
            replaced = "urlRewrite.path.replaceFullPath" in path or "requestRedirect.path.replacePrefixMatch" in path
            assert is_repeated or replaced or (kind.name, path) in used or path.endswith(("issuer", "[]")), path
