"""Every ordinary change, as files before and after it and as what a client sees.

Each has a host of its own, `<name>.test`, and the upstreams `a`, `b` (plain), `s` (TLS) and `m` (TLS, of clients with a certificate).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from haloy.proxies.ordinary import OrdinaryChange
from tests.features.certificates import Authority, Pair
from tests.features.echo import Echo
from tests.features.product import Product, backend, policy, route

Sees = Callable[[Product], bool]


@dataclass(frozen=True)
class Case:
    """`before` and `after`: files by name, "" for none. `sees`: whether the change shows; it does not before."""

    before: Mapping[str, str]
    after: Mapping[str, str]
    sees: Sees


@dataclass
class Surroundings:
    """`upstream(name)` runs."""

    upstream: Callable[[str], Echo]
    tls_upstream: Echo
    mutual_upstream: Echo
    authority: Authority
    pairs: dict[str, Pair] = field(default_factory=dict)

    def pair(self, name: str, *hosts: str) -> Pair:
        if name not in self.pairs:
            self.pairs[name] = self.authority.issue(*hosts)
        return self.pairs[name]

    def backend(self, name: str, *upstreams: str, extra: str = "", option: str = "") -> str:
        """`option`: more of the first endpoint, `, weight: 0`."""
        endpoints = [
            f"{{address: 127.0.0.1, port: {self.upstream(one).port}{option if number == 0 else ''}}}"
            for number, one in enumerate(upstreams)
        ]
        return backend(name, *endpoints, extra=extra)


def plain(name: str, rule: str = "", more: str = "") -> str:
    """A Route of one rule to the Backend of its name; `rule`: more lines of the rule, `more`: of the spec."""
    lines = "".join(f"  {line}\n" for line in rule.splitlines())
    spec = f"hosts: [{name}.test]\n{more}rules:\n- backendRefs: [{{name: {name}}}]\n{lines}"
    return route(name, spec)


def status(name: str, wanted: int, path: str = "/", **options: object) -> Sees:
    return lambda product: product.get(f"{name}.test", path, **options).status == wanted


def answered_by(name: str, upstream: str, path: str = "/", host: str = "", **options: object) -> Sees:
    return lambda product: product.get(host or f"{name}.test", path, **options).upstream == upstream


def only(name: str, *upstreams: str) -> Sees:
    """Twelve answers come from all of `upstreams`, and from nobody else."""
    return lambda product: {product.get(f"{name}.test").upstream for _ in range(12)} == set(upstreams)


def cases(near: Surroundings) -> dict[OrdinaryChange, Case]:
    """By change; those of certificates are in `certificates.py`."""
    return {**_routes(near), **_rules(near), **_backends(near), **_checks(near)}


def _routes(near: Surroundings) -> dict[OrdinaryChange, Case]:
    def case(name: str, after: str, sees: Sees, before: str | None = None) -> Case:
        held = near.backend(name, "a")
        return Case({name: (plain(name) if before is None else before) + held}, {name: after + held}, sees)

    def two_hosts(more: str) -> str:
        hosts = f"hosts: [canonical-host.test, www.canonical-host.test]\n{more}"
        return route("canonical-host", f"{hosts}rules: [{{backendRefs: [{{name: canonical-host}}]}}]")

    every = route(
        "every-host",
        "rules: [{matches: [{path: {type: PathPrefix, value: /every}}], backendRefs: [{name: every-host}]}]",
    )
    return {
        OrdinaryChange.NEW_ROUTE: case("new-route", plain("new-route"), status("new-route", 200), before=""),
        OrdinaryChange.ROUTE_DELETED: case("route-deleted", "", status("route-deleted", 404)),
        OrdinaryChange.NEW_HOST: case(
            "new-host",
            route("new-host", "hosts: [new-host.test, '*.new-host.test']\nrules: [{backendRefs: [{name: new-host}]}]"),
            answered_by("new-host", "a", host="wild.new-host.test"),
        ),
        OrdinaryChange.EVERY_HOST: case(
            "every-host", every, answered_by("every-host", "a", "/every", host="nobody.example"), before=""
        ),
        OrdinaryChange.NEW_PATH: case(
            "new-path",
            plain("new-path", "matches: [{path: {type: PathPrefix, value: /new}}]"),
            lambda product: status("new-path", 404)(product) and status("new-path", 200, "/new/x")(product),
        ),
        OrdinaryChange.EXACT_PATH: case(
            "exact-path",
            plain("exact-path", "matches: [{path: {type: Exact, value: /exact}}]"),
            lambda product: (
                status("exact-path", 404, "/exact/x")(product) and status("exact-path", 200, "/exact")(product)
            ),
        ),
        OrdinaryChange.CANONICAL_HOST: case(
            "canonical-host",
            two_hosts("canonicalHost: www.canonical-host.test\n"),
            status("canonical-host", 308),
            before=two_hosts(""),
        ),
    }


def _rules(near: Surroundings) -> dict[OrdinaryChange, Case]:
    def case(name: str, rule: str, sees: Sees) -> Case:
        held = near.backend(name, "a")
        return Case({name: plain(name) + held}, {name: plain(name, rule) + held}, sees)

    def filtered(name: str, filter: str, sees: Sees) -> Case:
        return case(name, f"filters: [{filter}]", sees)

    def answering(name: str, filter: str, sees: Sees) -> Case:
        after = route(name, f"hosts: [{name}.test]\nrules: [{{filters: [{filter}]}}]")
        return Case({name: plain(name) + near.backend(name, "a")}, {name: after + near.backend(name, "a")}, sees)

    def weighted(first: int, second: int) -> str:
        refs = f"[{{name: weights, weight: {first}}}, {{name: weights-b, weight: {second}}}]"
        held = near.backend("weights", "a") + near.backend("weights-b", "b")
        return route("weights", f"hosts: [weights.test]\nrules: [{{backendRefs: {refs}}}]") + held

    def both(name: str, wanted: Sees) -> Sees:
        """Not without the condition, which nobody meets by chance."""
        return lambda product: status(name, 404)(product) and wanted(product)

    return {
        OrdinaryChange.HEADER_CONDITION: case(
            "header-condition",
            "matches: [{headers: [{name: x-env, value: canary}]}]",
            both("header-condition", status("header-condition", 200, headers=[("x-env", "canary")])),
        ),
        OrdinaryChange.QUERY_CONDITION: case(
            "query-condition",
            "matches: [{queryParams: [{name: v, value: '2'}]}]",
            both("query-condition", status("query-condition", 200, "/?v=2")),
        ),
        OrdinaryChange.METHOD_CONDITION: case(
            "method-condition",
            "matches: [{method: PUT}]",
            both("method-condition", status("method-condition", 200, method="PUT")),
        ),
        OrdinaryChange.REQUEST_HEADERS: filtered(
            "request-headers",
            "{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-new, value: '50%'}]}}",
            lambda product: product.get("request-headers.test").echo["headers"].get("x-new") == "50%",
        ),
        OrdinaryChange.RESPONSE_HEADERS: filtered(
            "response-headers",
            "{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: cache-control, value: no-store}]}}",
            lambda product: product.get("response-headers.test").headers.get("cache-control") == "no-store",
        ),
        OrdinaryChange.REWRITE: filtered(
            "rewrite",
            "{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /inner}}}",
            lambda product: product.get("rewrite.test", "/x").echo["path"] == "/inner/x",
        ),
        OrdinaryChange.REDIRECT: answering(
            "redirect",
            "{type: RequestRedirect, requestRedirect: {hostname: away.test, statusCode: 307}}",
            status("redirect", 307),
        ),
        OrdinaryChange.DIRECT_RESPONSE: answering(
            "direct-response",
            "{type: DirectResponse, directResponse: {status: 418, body: short and stout}}",
            lambda product: product.get("direct-response.test").body == b"short and stout",
        ),
        OrdinaryChange.WEIGHTS: Case({"weights": weighted(1, 0)}, {"weights": weighted(0, 1)}, only("weights", "b")),
        OrdinaryChange.TIMEOUTS: Case(
            {"timeouts": plain("timeouts") + near.backend("timeouts", "slow")},
            {"timeouts": plain("timeouts", "timeouts: {request: 50ms}") + near.backend("timeouts", "slow")},
            status("timeouts", 504),
        ),
    }


def _backends(near: Surroundings) -> dict[OrdinaryChange, Case]:
    def case(name: str, before: str, after: str, sees: Sees) -> Case:
        return Case({name: plain(name) + before}, {name: plain(name) + after}, sees)

    def of(name: str, *upstreams: str, **more: str) -> str:
        return near.backend(name, *upstreams, **more)

    other = near.backend("another-backend", "a") + near.backend("another-one", "b")
    elsewhere = route("another-backend", "hosts: [another-backend.test]\nrules: [{backendRefs: [{name: another-one}]}]")
    trusting = backend(
        "trusting",
        near.tls_upstream.endpoint,
        extra="protocol: https\ntls: {caSecretName: ca, serverName: s.internal}",
    )
    tls = backend(
        "upstream-tls",
        near.tls_upstream.endpoint,
        extra="protocol: https\ntls: {caSecretName: ca, serverName: s.internal}",
    )
    return {
        OrdinaryChange.NEW_BACKEND: case("new-backend", "", of("new-backend", "b"), answered_by("new-backend", "b")),
        OrdinaryChange.BACKEND_DELETED: case(
            "backend-deleted", of("backend-deleted", "a"), "", status("backend-deleted", 500)
        ),
        OrdinaryChange.ANOTHER_BACKEND: Case(
            {"another-backend": plain("another-backend") + other},
            {"another-backend": elsewhere + other},
            answered_by("another-backend", "b"),
        ),
        OrdinaryChange.KNOWN_PROFILE: case(
            "known-profile",
            of("known-profile", "a"),
            of("known-profile", "b", extra="loadBalancing: {algorithm: LeastConnections}"),
            answered_by("known-profile", "b"),
        ),
        OrdinaryChange.ENDPOINT_ADDED: case(
            "endpoint-added",
            of("endpoint-added", "a"),
            of("endpoint-added", "a", "b"),
            only("endpoint-added", "a", "b"),
        ),
        OrdinaryChange.ENDPOINT_REMOVED: case(
            "endpoint-removed",
            of("endpoint-removed", "a", "b"),
            of("endpoint-removed", "b"),
            only("endpoint-removed", "b"),
        ),
        OrdinaryChange.ENDPOINT_WEIGHT: case(
            "endpoint-weight",
            of("endpoint-weight", "a", "b"),
            of("endpoint-weight", "a", "b", option=", weight: 0"),
            only("endpoint-weight", "b"),
        ),
        OrdinaryChange.ENDPOINT_BACKUP: case(
            "endpoint-backup",
            of("endpoint-backup", "a", "b"),
            of("endpoint-backup", "a", "b", option=", backup: true"),
            only("endpoint-backup", "b"),
        ),
        OrdinaryChange.ENDPOINT_LIMIT: case(
            "endpoint-limit",
            of("endpoint-limit", "a"),
            of("endpoint-limit", "b", extra="connections: {maxPerEndpoint: 7}"),
            answered_by("endpoint-limit", "b"),
        ),
        OrdinaryChange.UPSTREAM_TLS: case(
            "upstream-tls", of("upstream-tls", "a") + trusting, tls + trusting, answered_by("upstream-tls", "s")
        ),
    }


def _checks(near: Surroundings) -> dict[OrdinaryChange, Case]:
    def case(name: str, before: str, after: str, sees: Sees) -> Case:
        held = plain(name) + near.backend(name, "a", extra=f"healthPolicy: {name}")
        return Case({name: held + policy(name, before)}, {name: held + policy(name, after)}, sees)

    def asked(word: str, value: str) -> Sees:
        return lambda product: any(
            value in (check["path"], check["headers"].get(word)) for check in near.upstream("a").checks
        )

    quick = "\ninterval: 200ms\ntimeout: 200ms"
    return {
        OrdinaryChange.CHECK_PATH: case(
            "check-path",
            f"http: {{path: /healthz}}{quick}",
            f"http: {{path: '/healthz?new'}}{quick}",
            asked("path", "/healthz?new"),
        ),
        OrdinaryChange.CHECK_HOST: case(
            "check-host",
            f"http: {{path: /healthz, host: old.internal}}{quick}",
            f"http: {{path: /healthz, host: new.internal}}{quick}",
            asked("host", "new.internal"),
        ),
        OrdinaryChange.CHECK_RHYTHM: case(
            "check-rhythm",
            "http: {path: '/healthz?rhythm'}\ninterval: 1h\ntimeout: 200ms",
            f"http: {{path: '/healthz?rhythm'}}{quick}",
            lambda product: sum(check["path"] == "/healthz?rhythm" for check in near.upstream("a").checks) > 8,
        ),
    }
