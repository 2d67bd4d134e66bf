"""What a person sees who made a mistake: the field, the value, what is expected and how to mend it. Never pydantic's words."""

import copy
import datetime
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haloy.api.load import InvalidObject, load_object
from haloy.model.refs import ObjectRef
from tests.api.manifests import FULL, Document, backend, manifest, policy, route, rule
from tests.api.test_the_crds_accept_what_haloy_accepts import changed

MESSAGES: list[tuple[Document, str]] = [
    (rule(backendref=[]), 'spec.rules[0].backendref: unknown field "backendref"; did you mean "backendRefs"?'),
    (route(zzz=1), 'spec.zzz: unknown field "zzz"; known here: canonicalHost, hosts, proxyClass, rules, tls'),
    (
        rule(retryable="yes"),
        'spec.rules[0].retryable: "yes" is neither true nor false; write one of them, without quotes',
    ),
    (rule(backendRefs={"name": "a"}), "spec.rules[0].backendRefs: a mapping is not a list; write each item"),
    (
        rule(backendRefs=[{}]),
        'spec.rules[0].backendRefs[0].name: required field "name" is missing: Name of the Backend.',
    ),
    (route(hosts=["10.0.0.1"]), 'spec.hosts[0]: "10.0.0.1" is an IP address, not a host name; leave hosts empty'),
    (route(hosts=["a.example", "A.example:80"]), 'spec.hosts[1]: "a.example" is the same as item 0'),
    (
        route(hosts=["https://a.example"]),
        'spec.hosts[0]: "https://a.example" is not a host; write a name without scheme',
    ),
    (
        route(canonicalHost="*.a.example"),
        'spec.canonicalHost: "*.a.example" is not a host; write a name without scheme',
    ),
    (route(rules=[]), "spec.rules: a list of 0 has too few items; write at least 1"),
    (
        rule(matches=[{"path": {"type": "exact"}}]),
        'spec.rules[0].matches[0].path.type: "exact" is not one of "Exact", "PathPrefix", "RegularExpression"; '
        'did you mean "Exact"?',
    ),
    (
        rule(matches=[{"path": {"value": "/a b"}}]),
        'spec.rules[0].matches[0].path.value: "/a b" is not possible here: a path starts with / and consists of',
    ),
    (
        rule(matches=[{"path": {"type": "RegularExpression", "value": "/(a+)+"}}]),
        'spec.rules[0].matches[0].path.value: "/(a+)+" has a repetition or ? inside a repetition',
    ),
    (rule(timeouts={"request": 5}), "spec.rules[0].timeouts.request: 5 is not a duration; write whole numbers"),
    (rule(timeouts={"request": "25h"}), 'timeouts.request: "25h" is out of bounds; write a duration from 10ms to 24h'),
    (route(tls={"crtFile": "a"}), "spec.tls.keyFile: crtFile and keyFile come together"),
    (
        backend(endpoints=[{"address": "a", "port": "80"}]),
        'spec.endpoints[0].port: "80" is not a whole number; write digits',
    ),
    (backend(endpoints=[{"address": "a", "port": 0}]), "spec.endpoints[0].port: 0 is too low; the lowest value is 1"),
    (backend(endpoints=[{"address": "a", "port": 65536}]), "port: 65536 is too high; the highest value is 65535"),
    (
        backend(endpoints=[{"address": "a:80", "port": 1}]),
        'address: "a:80" is not an IP address or DNS name; the port has',
    ),
    (
        backend(endpoints=[{"address": "10.0.0.300", "port": 1}]),
        '"10.0.0.300" ends in a number, which only an IP address does',
    ),
    (
        backend(endpoints=[{"address": "a", "port": 1}, {"address": "A.", "port": 1}]),
        'spec.endpoints[1]: "a" is the same as item 0, counted from 0; remove one of them',
    ),
    (backend(retry={"on": [503]}), 'write it in quotes: "503"'),
    (backend(retry={True: []}), 'to YAML a bare on means true; write "on" in quotes'),
    (
        backend(protocol=["h2"]),
        'spec.protocol: a list of 1 is not one of "http1", "h2", "h2c", "https"; write one of these',
    ),
    (backend(healthPolicy=datetime.date(2026, 1, 31)), "spec.healthPolicy: 2026-01-31 is not text; write it in quotes"),
    (backend(healthPolicy="a" * 300), "is too long; at most 253 characters are allowed"),
    (backend(retry="x"), 'spec.retry: "x" is not a mapping; write field: value, one to a line'),
    (policy(timeout="20s"), 'spec.timeout: "20s" is not possible here: timeout is at most interval'),
    (policy(tcp={}), "spec: a HealthPolicy has exactly one of http, tcp and grpc"),
    (policy(http={"host": "a b"}), 'spec.http.host: "a b" is not a host; write a name'),
    (manifest("Route", {}, namespace="Web"), 'metadata.namespace: "Web" is not a name; use lower-case letters'),
    (
        manifest("Rout", {}),
        'kind: "Rout" is not one of "Route", "Backend", "HealthPolicy", "Secret"; did you mean "Route"?',
    ),
    (
        {**route(), "apiVersion": "v1"},
        'apiVersion: "v1" is not the version of Route that haloy knows; write haloy.dev/v1alpha1',
    ),
    ({"apiVersion": "v1"}, 'kind: required field "kind" is missing'),
    ({**route(), "Spec": {}}, 'Spec: unknown field "Spec"; did you mean "spec"?'),
]
JARGON = re.compile(
    r"Input should|valid (string|integer|tuple|dictionary)|pydantic|Literal|Tuple|NoneType|Value error|\[key\]"
)


def problems(document: Any) -> list[str]:
    try:
        load_object(document)
    except InvalidObject as error:
        return [str(problem) for problem in error.problems]
    return []


@pytest.mark.parametrize(("document", "expected"), MESSAGES, ids=[text[:60] for _, text in MESSAGES])
def test_one_mistake_is_one_message(document: Document, expected: str) -> None:
    found = problems(document)
    assert [text for text in found if expected in text], found
    assert len(found) <= 2


def test_all_mistakes_are_told_at_once() -> None:
    document = route(
        hosts=["a b", "ok.example"],
        tls={"secretName": "UPPER", "hsts": {"maxAge": "x"}},
        rules=[{"backendRefs": [{"nam": "a"}], "filters": [{"type": "URLRewrit"}]}, 7],
    )
    assert len(problems(document)) == 7


def test_the_object_is_named_even_when_it_is_wrong() -> None:
    with pytest.raises(InvalidObject) as caught:
        load_object(manifest("Route", {}, namespace="web"))
    assert caught.value.ref == ObjectRef("Route", "web", "shop")
    with pytest.raises(InvalidObject) as caught:
        load_object(manifest("Route", {}, namespace="w\neb"))
    assert caught.value.ref is None


@pytest.mark.parametrize("document", [None, [], "text", 1, {}, {"kind": []}, {1: 2}, {"kind": "Route", "metadata": 1}])
def test_what_is_no_object_is_told_so(document: Any) -> None:
    assert problems(document)


@settings(max_examples=600)
@given(changed(), st.sampled_from(FULL))
def test_no_message_is_jargon_or_more_than_one_line(document: Document, other: Document) -> None:
    swapped = {**copy.deepcopy(other), "spec": document["spec"]}
    for text in (*problems(document), *problems(swapped)):
        assert text.isprintable(), text
        assert not JARGON.search(text), text
        assert len(text) < 600, text
