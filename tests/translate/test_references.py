"""No reference leaves its namespace but the one that is meant to, and that one only where it is allowed."""

from collections.abc import Iterator
from typing import Any

import pytest

from haloy.api.conditions import Reason
from haloy.api.v1alpha1 import Backend, HealthPolicy, Route
from haloy.translate import Translation, translate
from tests.translate.world import backend, context, route, snapshot


def fields_called(name: str, schema: dict[str, Any], root: dict[str, Any], path: str = "") -> Iterator[str]:
    """Where in a JSON schema a field of that name stands."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    for part in (*schema.get("anyOf", ()), *schema.get("allOf", ())):
        yield from fields_called(name, part, root, path)
    if isinstance(schema.get("items"), dict):
        yield from fields_called(name, schema["items"], root, f"{path}[]")
    for key, part in schema.get("properties", {}).items():
        if key == name:
            yield f"{path}.{key}"
        yield from fields_called(name, part, root, f"{path}.{key}")


def test_only_backend_refs_can_name_another_namespace() -> None:
    found = []
    for kind in (Route, Backend, HealthPolicy):
        schema = kind.model_json_schema()
        found += [f"{kind.__name__}{path}" for path in fields_called("namespace", schema, schema) if ".spec" in path]
    assert found == ["Route.spec.rules[].backendRefs[].namespace"]


def cross(allowed: dict[str, Any] | None, require_grants: bool, labels: dict[str, str] | None = None) -> Translation:
    spec: dict[str, Any] = {"endpoints": [{"address": "10.0.0.1", "port": 80}]}
    if allowed is not None:
        spec["allowedRoutes"] = {"namespaces": allowed}
    rules = [{"backendRefs": [{"name": "shop", "namespace": "api"}]}]
    world = snapshot(
        [route("shop", {"rules": rules}), backend("shop", "api", **spec)], namespaces={"web": labels or {}}
    )
    return translate(world, context(require_grants=require_grants))


SELECTOR = {"from": "Selector", "selector": {"matchLabels": {"team": "shop"}}}


@pytest.mark.parametrize(
    ("allowed", "labels", "granted"),
    [
        (None, {}, False),
        ({"from": "Same"}, {}, False),
        ({"from": "All"}, {}, True),
        (SELECTOR, {"team": "shop"}, True),
        (SELECTOR, {"team": "play"}, False),
        (SELECTOR, {}, False),
    ],
)
def test_a_backend_decides_who_may_use_it(
    allowed: dict[str, Any] | None, labels: dict[str, str], granted: bool
) -> None:
    [vhost] = cross(allowed, True, labels).delivery.model.virtual_hosts
    [target] = vhost.candidates[0].rule.targets
    assert target.cluster == ("api/shop" if granted else None)


def test_files_belong_to_one_person_and_need_no_consent() -> None:
    [vhost] = cross(None, False).delivery.model.virtual_hosts
    assert vhost.candidates[0].rule.targets[0].cluster == "api/shop"


def test_a_refusal_does_not_tell_what_exists() -> None:
    rules = [{"backendRefs": [{"name": "hidden", "namespace": "api"}]}]
    lone = route("shop", {"rules": rules})
    [absent] = translate(snapshot([lone]), context(require_grants=True)).reports[lone.ref].findings
    world = snapshot([lone, backend("hidden", "api")])
    [present] = translate(world, context(require_grants=True)).reports[lone.ref].findings
    assert absent == present
    assert absent.reason is Reason.REF_NOT_PERMITTED


def test_among_thousands_of_names_the_like_one_is_still_found() -> None:
    world = [backend(f"shop-{number}", endpoints=[{"address": "10.0.0.1", "port": 80}]) for number in range(3_000)]
    missing = route("shop", {"rules": [{"backendRefs": [{"name": "shop-2999x"}]}]})
    found = translate(snapshot([*world, missing]), context())
    said = [one.message for report in found.reports.values() for one in report.findings if report.ref == missing.ref]
    assert any("did you mean shop-2999?" in message for message in said), said
