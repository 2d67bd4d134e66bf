"""A GitOps folder may be served as it is; a misspelt object of ours is still reported."""

import pytest

from haloy.sources.manifest import Manifest, read_manifest
from tests.sources.manifests import ref, route


def read(text: str) -> Manifest:
    return read_manifest("a.yaml", text.encode(), {})


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {}\n",
        "apiVersion: v1\nkind: Service\nmetadata: {name: x}\n",
        "apiVersion: v1\nkind: ConfigMap\ndata: {}\n",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData: {password: x}\n",
        "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/dockerconfigjson\nmetadata: {name: x}\n",
        "apiVersion: route.openshift.io/v1\nkind: Route\nmetadata: {name: x}\nspec: {}\n",
        "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: Backend\nmetadata: {name: x}\n",
        "resources: [a.yaml]\n",
        "apiVersion: v2\nname: chart\n",
    ],
)
def test_foreign_objects_are_no_problem(text: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "haloy"):
        assert read(text) == Manifest({}, ())
    assert "passed over" in caplog.text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("apiVersion: haloy.dev/v1alpha1\nkind: Rout\n", 'kind: "Rout" is not one of'),
        ("apiVersion: haloy.dev/v1\nkind: Route\nmetadata: {name: x}\n", "write haloy.dev/v1alpha1"),
        ("apiVersion: halo.dev/v1alpha1\nkind: Route\nmetadata: {name: x}\n", "write haloy.dev/v1alpha1"),
        ("kind: Backend\nmetadata: {name: x}\n", 'required field "apiVersion" is missing'),
        ("metadata: {name: x}\nspec: {}\n", 'required field "kind" is missing'),
        ("apiVersion: v1\nkind: Route\nmetadata: {name: x}\n", "write haloy.dev/v1alpha1"),
        ("apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\nmetadata: {name: x}\n", "needs the entry tls.crt"),
        ("- a\n- b\n", "is not an object"),
        ("just text\n", "is not an object"),
    ],
)
def test_what_seems_to_be_ours_is_reported(text: str, words: str) -> None:
    found = read(text)
    assert found.objects == {}
    assert words in str(found.rejections)


def test_the_items_of_a_list_are_objects_with_places_of_their_own() -> None:
    items = "".join("- " + route(name).replace("\n", "\n  ").rstrip() + "\n" for name in ("one", "two"))
    found = read("apiVersion: v1\nkind: List\nitems:\n" + items)
    assert {str(key): str(item.place) for key, item in found.objects.items()} == {
        "route/default/one": "a.yaml:4:3",
        "route/default/two": "a.yaml:11:3",
    }


def test_a_word_that_yaml_takes_for_something_else_is_explained() -> None:
    text = route("one").replace(
        "  rules:\n", "  rules:\n  - matches: [{method: GET, headers: [{name: x, value: no}]}]\n"
    )
    assert 'without quotes, YAML reads no as a boolean: write "no"' in read(text).rejections[0].problems[0]


def test_every_problem_has_its_line() -> None:
    text = route("one") + "  - {nme: x}\n  - {nam: y}\n"
    (rejection,) = read(text).rejections
    assert str(rejection.place) == "a.yaml:8:11"
    assert rejection.problems[1].endswith("(line 9)")
    assert rejection.ref == ref("Route", "one")
