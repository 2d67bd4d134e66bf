"""What a person sees who applies something wrong: field, value, and what would be right, from the API server itself."""

import pytest

from e2e.manifests import REFS, backend, filtered, haloy, policy, route, rule
from e2e.namespace import Namespace
from e2e.objects import Object, RejectedError

pytestmark = pytest.mark.usefixtures("crds")

_HTTPS = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}
_NO_CONTENT = {"type": "DirectResponse", "directResponse": {"status": 204}}
_TEN = {"address": "10.0.0.5", "port": 1}


def _set(name: str, value: str) -> Object:
    return filtered("RequestHeaderModifier", "requestHeaderModifier", {"set": [{"name": name, "value": value}]})


BAD: dict[str, tuple[Object, str]] = {
    "a field that does not exist": (route(host="a.example"), 'unknown field "spec.host"'),
    "a text where a list belongs": (route(hosts="a.example"), "spec.hosts in body must be of type array"),
    "a Route without rules": (haloy("Route", {}), "spec.rules: Required value"),
    "a wildcard in the middle of a host": (route(hosts=["a.*.example"]), 'spec.hosts[0]: Invalid value: "a.*.example"'),
    "the same host twice": (route(hosts=["a.example"] * 2), 'spec.hosts[1]: Duplicate value: "a.example"'),
    "too many hosts": (
        route(hosts=[f"h{n}.example" for n in range(65)]),
        "spec.hosts: Too many: 65: must have at most 64",
    ),
    "a type of path that does not exist": (
        rule(matches=[{"path": {"type": "Prefix", "value": "/"}}]),
        'matches[0].path.type: Unsupported value: "Prefix": supported values: "Exact", "PathPrefix", "RegularExpression"',
    ),
    "a space in a path": (
        rule(matches=[{"path": {"value": "/a b"}}]),
        "path.value: Invalid value: a path starts with /",
    ),
    "a path that climbs": (rule(matches=[{"path": {"value": "/a/../b"}}]), "a path has no //, /./, /../"),
    "a regular expression of 513 characters": (
        rule(matches=[{"path": {"type": "RegularExpression", "value": "a" * 513}}]),
        "a regular expression has at most 512 characters; split it into several matches",
    ),
    "a method that does not exist": (rule(matches=[{"method": "get it"}]), 'method: Unsupported value: "get it"'),
    "a line break in a header": (_set("x-a", "a\nb"), 'requestHeaderModifier.set[0].value: Invalid value: "a\\nb"'),
    "a space in a header's name": (_set("x a", "1"), 'requestHeaderModifier.set[0].name: Invalid value: "x a"'),
    "a header that belongs to the connection": (_set("Connection", "close"), "so haloy sets it itself"),
    "a negative weight": (
        route(rules=[{"backendRefs": [{"name": "shop", "weight": -1}]}]),
        "backendRefs[0].weight in body should be greater than or equal to 0",
    ),
    "a name that is none": (route(rules=[{"backendRefs": [{"name": "Shop_1"}]}]), 'name: Invalid value: "Shop_1"'),
    "a duration without a unit": (rule(timeouts={"request": "30"}), 'timeouts.request: Invalid value: "30"'),
    "a duration that is too long": (rule(timeouts={"request": "25h"}), "must be a duration from 10ms to 24h"),
    "two filters that answer": (route(rules=[{"filters": [_HTTPS, _NO_CONTENT]}]), "both answer the request; keep one"),
    "a redirect with a Backend": (
        route(rules=[{"filters": [_HTTPS], "backendRefs": REFS}]),
        "a rule has either backendRefs or a filter that answers by itself",
    ),
    "a redirect that is none": (
        filtered("RequestRedirect", "requestRedirect", {"scheme": "https", "statusCode": 200}),
        'statusCode: Unsupported value: 200: supported values: "301", "302", "303", "307", "308"',
    ),
    "two certificates": (
        route(tls={"secretName": "a", "issuer": "selfSigned"}),
        "the certificate comes from one place",
    ),
    "TLS 1.0": (
        route(tls={"secretName": "a", "minVersion": "1.0"}),
        'Unsupported value: "1.0": supported values: "1.2", "1.3"',
    ),
    "port 0": (
        backend(endpoints=[{"address": "10.0.0.5", "port": 0}]),
        "port in body should be greater than or equal to 1",
    ),
    "an address with more behind it": (
        backend(endpoints=[{"address": "10.0.0.5; rm", "port": 1}]),
        'spec.endpoints[0].address: Invalid value: "10.0.0.5; rm"',
    ),
    "the same endpoint twice": (backend(endpoints=[_TEN, _TEN]), "spec.endpoints[1]: Duplicate value"),
    "a Service and endpoints": (
        backend(service={"name": "a", "port": 80}),
        "spec: Invalid value: a Backend has either service or at least one of endpoints",
    ),
    "a protocol that does not exist": (backend(protocol="http3"), 'spec.protocol: Unsupported value: "http3"'),
    "balancing by a header without one": (
        backend(loadBalancing={"algorithm": "Header"}),
        "spec.loadBalancing.header: Invalid value: header is given exactly when algorithm is Header",
    ),
    "too many attempts": (backend(retry={"attempts": 99}), "attempts in body should be less than or equal to 10"),
    "two kinds of check": (policy(tcp={}), "a HealthPolicy has exactly one of http, tcp and grpc"),
    "a status with letters": (policy(http={"expectedStatuses": ["2xx"]}), 'expectedStatuses[0]: Invalid value: "2xx"'),
    "a time-out longer than the interval": (
        policy(interval="1s", timeout="5s"),
        "spec.timeout: Invalid value: timeout is at most interval; shorten timeout or lengthen interval",
    ),
    "a threshold of 0": (
        policy(unhealthyThreshold=0),
        "unhealthyThreshold in body should be greater than or equal to 1",
    ),
}


@pytest.mark.parametrize("sentence", BAD)
def test_the_api_server_says_what_is_wrong(sentence: str, namespace: Namespace) -> None:
    manifest, message = BAD[sentence]
    with pytest.raises(RejectedError) as refusal:
        namespace.objects.create(manifest, namespace.name)
    assert message in refusal.value.message
    assert namespace.list(manifest["apiVersion"], manifest["kind"]) == []


def test_kubectl_shows_the_same_and_writes_nothing(
    namespace: Namespace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("manifests") / "route.yaml"
    file.write_text(
        "apiVersion: haloy.dev/v1alpha1\nkind: Route\nmetadata: {name: shop}\n"
        "spec: {hosts: [a.example], rules: [{matches: [{path: {value: /a b}}], backendRefs: [{name: shop}]}]}\n"
    )
    refused = namespace.refused("apply", "--server-side", f"--filename={file}")
    assert "spec.rules[0].matches[0].path.value: Invalid value: a path starts with /" in refused
    assert namespace.list("haloy.dev/v1alpha1", "Route") == []
