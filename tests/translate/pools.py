"""Small pools of objects that collide all the time: few names, few hosts, few matches, and references that dangle."""

from functools import cache

from hypothesis import strategies as st

from haloy.api.snapshot import Object, Resolution
from haloy.api.v1alpha1 import TlsSecret
from haloy.model.refs import FieldRef, ObjectRef
from tests.translate.certs import issue, key, secret
from tests.translate.world import NOW, load

NAMESPACES = ["api", "web"]
HOSTS = ["a.example", "b.example", "*.example"]
NAMES = ["x", "y", "z"]
MATCHES = [
    {"path": {"value": "/"}},
    {"path": {"value": "/api"}},
    {"path": {"value": "/api"}, "method": "GET"},
    {"path": {"type": "Exact", "value": "/api"}},
    {"path": {"type": "RegularExpression", "value": "/[a-z]+"}},
    {"headers": [{"name": "X-Env", "type": "RegularExpression", "value": "a|b"}]},
]
AGES = [None, "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"]
NAMES_IN_DNS = ["one.internal", "two.internal"]

refs = st.builds(
    ObjectRef,
    st.sampled_from(["Route", "Backend", "HealthPolicy"]),
    st.sampled_from(NAMESPACES),
    st.sampled_from(NAMES),
)


def backend_refs() -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries(
        {"name": st.sampled_from(NAMES), "weight": st.integers(0, 2)},
        optional={"namespace": st.sampled_from(NAMESPACES)},
    )


def rules() -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries(
        {
            "matches": st.lists(st.sampled_from(MATCHES), min_size=1, max_size=3),
            "backendRefs": st.lists(backend_refs(), min_size=1, max_size=2, unique_by=lambda ref: ref["name"]),
        }
    )


def tls() -> st.SearchStrategy[dict[str, object]]:
    return st.sampled_from(
        [{"secretName": "x"}, {"secretName": "y", "redirect": True}, {"issuer": "selfSigned"}, {"issuer": "acme"}]
    )


def head(name: str, namespace: str, age: str | None = None) -> dict[str, object]:
    return {"name": name, "namespace": namespace, **({"creationTimestamp": age} if age is not None else {})}


@st.composite
def routes(draw: st.DrawFn) -> Object:
    spec: dict[str, object] = {
        "hosts": draw(st.lists(st.sampled_from(HOSTS), max_size=2, unique=True)),
        "rules": draw(st.lists(rules(), min_size=1, max_size=2)),
    }
    if draw(st.booleans()):
        spec["tls"] = draw(tls())
    if draw(st.integers(0, 3)) == 0:
        spec["canonicalHost"] = draw(st.sampled_from(HOSTS[:2]))
    if draw(st.integers(0, 5)) == 0:
        spec["proxyClass"] = "other"
    metadata = head(draw(st.sampled_from(NAMES)), draw(st.sampled_from(NAMESPACES)), draw(st.sampled_from(AGES)))
    return load({"kind": "Route", "metadata": {**metadata, "generation": draw(st.integers(1, 2))}, "spec": spec})


@st.composite
def backends(draw: st.DrawFn) -> Object:
    addresses = st.sampled_from(["10.0.0.1", "10.0.0.2", *NAMES_IN_DNS])
    endpoint = st.fixed_dictionaries({"address": addresses, "port": st.sampled_from([80, 81])})
    spec: dict[str, object] = {
        "endpoints": draw(
            st.lists(endpoint, min_size=1, max_size=3, unique_by=lambda item: (item["address"], item["port"]))
        )
    }
    if draw(st.booleans()):
        spec["healthPolicy"] = draw(st.sampled_from(NAMES))
    if draw(st.booleans()):
        spec["protocol"] = "https"
        names = {"caSecretName": st.sampled_from(NAMES), "clientCertificateSecretName": st.sampled_from(NAMES)}
        spec["tls"] = {"serverName": "s.internal", **draw(st.fixed_dictionaries({}, optional=names))}
    allowed = draw(
        st.sampled_from([None, {"from": "All"}, {"from": "Selector", "selector": {"matchLabels": {"a": "1"}}}])
    )
    if allowed is not None:
        spec["allowedRoutes"] = {"namespaces": allowed}
    metadata = head(draw(st.sampled_from(NAMES)), draw(st.sampled_from(NAMESPACES)))
    return load({"kind": "Backend", "metadata": metadata, "spec": spec})


@st.composite
def policies(draw: st.DrawFn) -> Object:
    metadata = head(draw(st.sampled_from(NAMES)), draw(st.sampled_from(NAMESPACES)))
    spec = {"tcp": {}, "interval": draw(st.sampled_from(["10s", "20s"]))}
    return load({"kind": "HealthPolicy", "metadata": metadata, "spec": spec})


@cache
def contents() -> tuple[TlsSecret, ...]:
    """What a Secret may hold: right, for another host, with the wrong key, soon expired, with a CA."""
    right = issue("a.example", "*.example")
    return (
        secret("x", right),
        secret("x", issue("other.example")),
        secret("x", right, key=issue(private=key("p256", 9)).key_pem()),
        secret("x", issue("b.example", until=NOW.replace(day=3))),
        secret("x", issue("b.example"), ca=right.crt),
        secret("x", ca=b"nothing"),
    )


@st.composite
def secrets(draw: st.DrawFn) -> TlsSecret:
    held = draw(st.sampled_from(contents()))
    ref = ObjectRef("Secret", draw(st.sampled_from(NAMESPACES)), draw(st.sampled_from(NAMES)))
    return TlsSecret(ref, held.certificate, held.key, held.ca)


def resolutions() -> st.SearchStrategy[Resolution]:
    addresses = st.lists(st.sampled_from(["10.0.0.1", "10.0.0.9", "::1"]), max_size=2, unique=True)
    return st.builds(Resolution, addresses.map(sorted).map(tuple), st.sampled_from([None, "timed out"]))


def refusals() -> st.SearchStrategy[ObjectRef | FieldRef]:
    fields = st.sampled_from(["spec.rules[0]", "spec.rules[0].matches[0]", "spec.rules[1].filters[0]", "spec.hosts"])
    return st.one_of(refs, st.builds(FieldRef, refs, fields))


def objects() -> st.SearchStrategy[Object]:
    return st.one_of(routes(), routes(), backends(), policies(), secrets())
