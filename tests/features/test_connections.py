"""Connections to the endpoints: how many, how long they are waited for, and what they begin with."""

import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.features.echo import Echo
from tests.features.product import Product, backend, eventually, policy, route
from tests.features.raw import Raw, raw, unaccepting

V2_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


@pytest.fixture(scope="module")
def listener() -> Iterator[Raw]:
    with raw() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def stuck() -> Iterator[int]:
    with unaccepting() as port:
        yield port


@pytest.fixture(scope="module")
def connected(product: Product, upstreams: Callable[[str], Echo], listener: Raw, stuck: int) -> Product:
    raw_endpoint = f"{{address: 127.0.0.1, port: {listener.port}}}"
    names = ("narrow", "wide", "v1", "v2", "none", "stuck")
    product.write(
        "backends.yaml",
        backend("narrow", upstreams("a").endpoint, extra="connections: {maxPerEndpoint: 2, queueTimeout: 500ms}")
        + backend("wide", upstreams("a").endpoint, extra="connections: {maxPerEndpoint: 2, queueTimeout: 1m}")
        + backend("v1", raw_endpoint, extra="connections: {sendProxyProtocol: v1}")
        + backend("v2", raw_endpoint, extra="connections: {sendProxyProtocol: v2}")
        + backend("none", raw_endpoint)
        + backend(
            "stuck",
            f"{{address: 127.0.0.1, port: {stuck}}}",
            extra="connections: {connectTimeout: 200ms}\nretry: {attempts: 0}",
        ),
    )
    routes = (route(name, f"hosts: [{name}.test]\nrules: [{{backendRefs: [{{name: {name}}}]}}]") for name in names)
    product.write("routes.yaml", "".join(routes))
    for name in names:
        product.wait_condition("Route", name, "Programmed", "True")
    return product


def test_more_than_an_endpoint_bears_waits_and_after_the_queue_time_out_is_503(
    connected: Product, upstreams: Callable[[str], Echo], threads: ThreadPoolExecutor
) -> None:
    upstream = upstreams("a")
    upstream.gate.clear()
    try:
        first = [threads.submit(connected.get, "narrow.test", "/narrow") for _ in range(2)]
        eventually(lambda: sum(record["path"] == "/narrow" for record in upstream.seen), lambda count: count == 2)
        assert connected.get("narrow.test", "/narrow").status == 503
    finally:
        upstream.gate.set()
    assert [answer.result().status for answer in first] == [200, 200]
    assert sum(record["path"] == "/narrow" for record in upstream.seen) == 2


def test_what_waits_in_the_queue_is_served_when_there_is_room(
    connected: Product, upstreams: Callable[[str], Echo], threads: ThreadPoolExecutor
) -> None:
    upstream = upstreams("a")
    upstream.gate.clear()
    try:
        answers = [threads.submit(connected.get, "wide.test", "/wide") for _ in range(6)]
        eventually(lambda: sum(record["path"] == "/wide" for record in upstream.seen), lambda count: count == 2)
        eventually(lambda: 'haloy_backend_queue{backend="default/wide"} 4' in connected.view("/metrics"))
        assert sum(record["path"] == "/wide" for record in upstream.seen) == 2
    finally:
        upstream.gate.set()
    assert {answer.result().status for answer in answers} == {200}


def test_an_endpoint_that_does_not_accept_is_given_up_after_the_connect_time_out(connected: Product) -> None:
    assert connected.get("stuck.test").status == 503


def test_the_proxy_protocol_tells_who_asks(connected: Product, listener: Raw) -> None:
    for version in ("v1", "v2", "none"):
        assert connected.get(f"{version}.test", f"/{version}", source="127.0.0.9").status == 200
    starts = {
        version: next(data for data in listener.starts if f"GET /{version} ".encode() in data)
        for version in ("v1", "v2", "none")
    }
    assert starts["v1"].startswith(b"PROXY TCP4 127.0.0.9 127.0.0.1 ")
    assert starts["v1"].split(b"\r\n")[0].split()[5] == str(connected.http).encode()
    assert starts["v2"].startswith(V2_SIGNATURE)
    command, family, length, source, target, _, port = struct.unpack("!BBH4s4sHH", starts["v2"][12:28])
    assert (command, family, length >= 12) == (0x21, 0x11, True)
    assert (source, target, port) == (b"\x7f\0\0\x09", b"\x7f\0\0\x01", connected.http)
    assert starts["none"].startswith(b"GET /none ")


def test_checks_of_an_endpoint_that_comes_at_run_time_begin_with_the_proxy_protocol_too(
    connected: Product, listener: Raw
) -> None:
    spec = "healthPolicy: asked\nconnections: {sendProxyProtocol: v1}"
    endpoint = f"{{address: 127.0.0.1, port: {listener.port}}}"
    connected.write("asked.yaml", policy("asked", "http: {path: /asked}\ninterval: 1s\ntimeout: 1s"))
    for name in ("first", "later"):  # The second finds the kind of Backend there: it needs no reload.
        connected.write(f"{name}.yaml", backend(name, endpoint, extra=spec))
        connected.wait_condition("Backend", name, "Healthy", "True", "AllHealthy")
    asked = [data for data in listener.starts if b"GET /asked " in data]
    assert len(asked) >= 2
    assert all(data.startswith(b"PROXY ") for data in asked)
