"""/metrics: it parses, the numbers are the true ones, and names are the users' own."""

import re
import socket
import urllib.request
from collections.abc import Callable

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus
from prometheus_client.samples import Sample

from haloy.proxies.base import ReloadCause
from tests.features.certificates import Authority
from tests.features.echo import Echo
from tests.features.product import Product, backend, eventually, policy, route
from tests.support.ports import free_port

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
AUTHORITY = Authority()
QUICK = "http: {path: /healthz}\ninterval: 1s\ntimeout: 1s\nunhealthyThreshold: 2\nhealthyThreshold: 1"


@pytest.fixture(scope="module")
def measured(product: Product, upstreams: Callable[[str], Echo]) -> Product:
    pair = AUTHORITY.issue("shop.test")
    dead = f"{{address: 127.0.0.1, port: {free_port()}}}"
    product.write("policy.yaml", policy("quick", QUICK) + pair.secret("shop"))
    product.write(
        "backends.yaml",
        backend("shop", upstreams("a").endpoint, upstreams("b").endpoint)
        + backend("failing", upstreams("failing").endpoint)
        + backend("checked", upstreams("a").endpoint, dead, extra="healthPolicy: quick"),
    )
    product.write(
        "routes.yaml",
        route(
            "shop",
            "hosts: [shop.test]\ntls: {secretName: shop}\nrules:\n- backendRefs: [{name: shop}]\n"
            "- matches: [{path: {value: /fail}}]\n  backendRefs: [{name: failing}]\n"
            "- matches: [{path: {value: /tea}}]\n"
            "  filters: [{type: DirectResponse, directResponse: {status: 403, body: none}}]\n",
        )
        + route("other", "hosts: [other.test]\nrules: [{backendRefs: [{name: shop}]}]")
        + route("broken", "hosts: [broken.test]\nrules: [{backendRefs: [{name: absent}]}]"),
    )
    product.wait_condition("Route", "shop", "Programmed", "True")
    product.wait_condition("Backend", "checked", "Healthy", "True", "SomeUnhealthy")
    return product


def samples(product: Product) -> list[Sample]:
    return [sample for family in prometheus(product.view("/metrics")) for sample in family.samples]


def value(product: Product, name: str, **labels: str) -> float | None:
    """The sample with exactly these labels; None: there is none."""
    found = [sample.value for sample in samples(product) if sample.name == name and sample.labels == labels]
    assert len(found) <= 1, f"{name} {labels} is there {len(found)} times"
    return found[0] if found else None


def settled(product: Product, expected: dict[tuple[str, tuple[tuple[str, str], ...]], float]) -> None:
    """Wait until these samples have these values."""

    def look() -> dict[tuple[str, tuple[tuple[str, str], ...]], float | None]:
        return {key: value(product, key[0], **dict(key[1])) for key in expected}

    eventually(look, lambda found: found == expected)


def test_both_formats_parse_and_say_the_same(measured: Product) -> None:
    text = measured.view("/metrics")
    asked = urllib.request.Request(f"http://127.0.0.1:{measured.admin}/metrics", headers={"Accept": OPENMETRICS})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        open_text = answer.read().decode()
    assert open_text.endswith("# EOF\n")
    names = {sample.name for family in openmetrics(open_text) for sample in family.samples}
    plain = {sample.name for family in prometheus(text) for sample in family.samples}
    created = {name for name in names | plain if name.endswith("_created")}
    assert names - created == plain - created
    assert all(name.startswith("haloy_") for name in names)
    assert all(family.documentation for family in prometheus(text))


def test_cycles_reloads_and_commands_are_counted(measured: Product) -> None:
    before = {
        name: value(measured, name) or 0 for name in ("haloy_runtime_commands_total", "haloy_apply_seconds_count")
    }
    applied = value(measured, "haloy_cycles_total", result="applied")
    reloads = value(measured, "haloy_reloads_total", reason=ReloadCause.NEW_PROFILE.value, result="ok")
    assert applied is not None
    assert reloads == 1
    measured.write("more.yaml", route("more", "hosts: [more.test]\nrules: [{backendRefs: [{name: shop}]}]"))
    measured.wait_answer("more.test", "/more", lambda answer: answer.status == 200)
    settled(measured, {("haloy_cycles_total", (("result", "applied"),)): applied + 1})
    assert value(measured, "haloy_reloads_total", reason="new-profile", result="ok") == 1
    assert (value(measured, "haloy_runtime_commands_total") or 0) > before["haloy_runtime_commands_total"]
    assert value(measured, "haloy_apply_seconds_count") == before["haloy_apply_seconds_count"] + 1
    assert 0 < (value(measured, "haloy_apply_seconds_sum") or 0) < 60


def test_objects_certificates_and_endpoints_are_told_as_they_are(
    measured: Product, upstreams: Callable[[str], Echo]
) -> None:
    assert value(measured, "haloy_objects", kind="Route", condition="ResolvedRefs", status="False") == 1
    assert (value(measured, "haloy_objects", kind="Backend", condition="Accepted", status="True") or 0) == 3
    days = (value(measured, "haloy_certificate_expiry_seconds", certificate="default/shop") or 0) / 86_400
    assert 89 < days < 90.1
    up = f"127.0.0.1:{upstreams('a').port}"
    labels = (("backend", "default/checked"), ("endpoint", up), ("health", "Healthy"))
    settled(measured, {("haloy_endpoint_health", labels): 1})
    states = [
        (sample.labels["health"], sample.value)
        for sample in samples(measured)
        if sample.name == "haloy_endpoint_health"
        and sample.labels["backend"] == "default/checked"
        and sample.labels["endpoint"] != up
    ]
    assert states == [("Unhealthy", 1)]
    assert value(measured, "haloy_rejections") == 0
    measured.write("bad.yaml", "kind: [")
    eventually(lambda: value(measured, "haloy_rejections"), lambda found: found == 1)
    (measured.directory / "bad.yaml").unlink()
    eventually(lambda: value(measured, "haloy_rejections"), lambda found: found == 0)


def test_requests_are_counted_exactly_by_route_backend_and_endpoint(
    measured: Product, upstreams: Callable[[str], Echo]
) -> None:
    upstreams("failing").status = 502
    upstreams("b").status = 404
    watched = {
        ("haloy_route_requests_total", (("route", "default/shop"),)): 10 + 4 + 3,
        ("haloy_route_errors_4xx_total", (("route", "default/shop"),)): 5 + 3,
        ("haloy_route_errors_5xx_total", (("route", "default/shop"),)): 4,
        ("haloy_route_requests_total", (("route", "default/other"),)): 6,
        ("haloy_route_requests_total", (("route", "default/broken"),)): 2,
        ("haloy_route_errors_5xx_total", (("route", "default/broken"),)): 2,
        ("haloy_backend_requests_total", (("backend", "default/shop"),)): 16,
        ("haloy_backend_errors_4xx_total", (("backend", "default/shop"),)): 8,
        ("haloy_backend_requests_total", (("backend", "default/failing"),)): 4,
        ("haloy_backend_errors_5xx_total", (("backend", "default/failing"),)): 4,
    }
    for name, share in (("a", 8), ("b", 8)):
        labels = (("backend", "default/shop"), ("endpoint", f"127.0.0.1:{upstreams(name).port}"))
        watched["haloy_endpoint_requests_total", labels] = share
    settled(measured, {("haloy_backend_sessions", (("backend", "default/shop"),)): 0})
    before = {key: value(measured, key[0], **dict(key[1])) or 0 for key in watched}
    for _ in range(10):
        measured.get("shop.test")
    for _ in range(4):
        assert measured.get("shop.test", "/fail").status == 502
    for _ in range(3):
        assert measured.get("shop.test", "/tea").status == 403
    for _ in range(6):
        measured.get("other.test")
    for _ in range(2):
        assert measured.get("broken.test").status == 500
    settled(measured, {key: before[key] + count for key, count in watched.items()})
    assert (value(measured, "haloy_route_sent_bytes_total", route="default/shop") or 0) > 1000
    assert (value(measured, "haloy_route_received_bytes_total", route="default/shop") or 0) > 500


def can_teach(product: Product) -> bool:
    """Whether the worker is over its first seconds, in which it still waits to be taught the counters by an earlier one."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(product.state / "run" / "worker.sock"))
        connection.sendall(b"show peers\n")
        text = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    flags = re.search(r"flags=0x([0-9a-f]+) resync_timeout", text)
    return flags is not None and int(flags[1], 16) & 3 == 3


def test_counters_by_route_go_on_over_a_reload(measured: Product, upstreams: Callable[[str], Echo]) -> None:
    eventually(lambda: can_teach(measured))
    key = ("haloy_route_requests_total", (("route", "default/other"),))
    before = (value(measured, key[0], route="default/other") or 0) + 5
    for _ in range(5):
        measured.get("other.test", "/before")
    settled(measured, {key: before})
    reloads = measured.reload_count()
    unusual = "loadBalancing: {algorithm: First}"
    measured.write("extra.yaml", backend("extra", upstreams("c").endpoint, extra=unusual))
    eventually(measured.reload_count, lambda count: count > reloads)
    settled(measured, {key: before})
    measured.get("other.test", "/after")
    settled(measured, {key: before + 1})


def test_the_proxy_is_told_of(measured: Product) -> None:
    (info,) = [sample for sample in samples(measured) if sample.name == "haloy_proxy_info"]
    assert info.labels["proxy"] == "haproxy"
    assert info.labels["version"].startswith(("2.", "3."))
    assert (value(measured, "haloy_proxy_max_connections") or 0) > 100
    assert value(measured, "haloy_proxy_restarts_total") == 0


def test_spare_slots_are_taken_and_no_slot_is_shown_by_its_name(
    measured: Product, upstreams: Callable[[str], Echo]
) -> None:
    def taken() -> float:
        return value(measured, "haloy_proxy_taken_slots") or 0

    def spare() -> float:
        return sum(sample.value for sample in samples(measured) if sample.name == "haloy_proxy_spare_slots")

    before, reloads = (taken(), spare()), measured.reload_count()
    measured.write("one-more.yaml", backend("one-more", upstreams("c").endpoint))
    eventually(lambda: (taken(), spare()), lambda found: found == (before[0] + 1, before[1] - 1))
    assert measured.reload_count() == reloads
    assert (value(measured, "haloy_proxy_spare_slot_bytes") or 0) > 100_000
    assert value(measured, "haloy_backend_requests_total", backend="default/one-more") == 0
    assert "slot." not in measured.view("/metrics")
