"""Endpoints by DNS name: resolved by a real nameserver, followed without a reload, kept when it fails."""

from collections.abc import Callable, Iterator

import dns.rcode
import pytest

from tests.features.background import background
from tests.features.echo import Echo, echo
from tests.features.product import Product, backend, eventually, route
from tests.sources.nameserver import Nameserver, nameserver
from tests.support.ports import free_port

NAME = "up.haloy.example"


@pytest.fixture(scope="module")
def answering() -> Iterator[Nameserver]:
    with background(nameserver()) as (server, _):
        server.records = {(NAME, "A"): (["127.0.0.1"], 1), ("v6.haloy.example", "A"): (["127.0.0.1"], 1)}
        yield server


@pytest.fixture(scope="module")
def second() -> Iterator[tuple[Echo, Echo]]:
    """Two upstreams on the same port, at 127.0.0.1 and 127.0.0.2."""
    port = free_port()
    with echo("one", port) as one, echo("two", port, address="127.0.0.2") as two:
        yield one, two


@pytest.fixture(scope="module")
def resolving(
    tmp_path_factory: pytest.TempPathFactory, answering: Nameserver, second: tuple[Echo, Echo]
) -> Iterator[Product]:
    product = Product(tmp_path_factory.mktemp("dns"), f"--nameservers=127.0.0.1:{answering.port}")
    port = second[0].port

    def named(name: str, address: str) -> str:
        spec = backend(name, f"{{address: {address}, port: {port}}}")
        return spec + route(name, f"hosts: [{name}.test]\nrules: [{{backendRefs: [{{name: {name}}}]}}]")

    product.write("all.yaml", named("named", NAME) + named("local", "localhost") + named("nowhere", "no.haloy.example"))
    try:
        product.start()
        yield product
    finally:
        if product.process is not None:
            product.stop()


def shares(product: Product) -> set[str | None]:
    return {product.get("named.test").upstream for _ in range(6)}


def test_a_name_is_resolved_and_served(resolving: Product, answering: Nameserver) -> None:
    resolving.wait_answer("named.test", "/", lambda answer: answer.upstream == "one")
    assert (NAME, "A") in answering.questions
    resolving.wait_condition("Backend", "named", "ResolvedRefs", "True")
    endpoints = eventually(lambda: resolving.object("Backend", "named")["endpoints"])
    assert [endpoint["address"] for endpoint in endpoints] == ["127.0.0.1"]


def test_localhost_needs_no_nameserver(resolving: Product, answering: Nameserver) -> None:
    resolving.wait_answer("local.test", "/", lambda answer: answer.upstream == "one")
    assert not [question for question in answering.questions if question[0] == "localhost"]


def test_a_new_answer_is_followed_without_a_reload(resolving: Product, answering: Nameserver) -> None:
    resolving.wait_answer("named.test", "/", lambda answer: answer.upstream == "one")
    before = resolving.reload_count()
    answering.records[NAME, "A"] = (["127.0.0.1", "127.0.0.2"], 1)
    eventually(lambda: shares(resolving), lambda found: found == {"one", "two"})
    answering.records[NAME, "A"] = (["127.0.0.2"], 1)
    eventually(lambda: shares(resolving), lambda found: found == {"two"})
    answering.records[NAME, "A"] = (["127.0.0.1"], 1)
    eventually(lambda: shares(resolving), lambda found: found == {"one"})
    assert resolving.reload_count() == before


def test_a_failure_keeps_the_last_answer_and_says_so(resolving: Product, answering: Nameserver) -> None:
    resolving.wait_answer("named.test", "/", lambda answer: answer.upstream == "one")
    before = resolving.reload_count()
    answering.rcode = dns.rcode.SERVFAIL
    condition = eventually(
        lambda: resolving.condition("Backend", "named", "ResolvedRefs"), lambda found: "failed" in found["message"]
    )
    assert NAME in condition["message"]
    assert "last known" in condition["message"]
    assert shares(resolving) == {"one"}
    answering.rcode = dns.rcode.NOERROR
    eventually(
        lambda: resolving.condition("Backend", "named", "ResolvedRefs"), lambda found: "failed" not in found["message"]
    )
    assert resolving.reload_count() == before


def test_a_name_that_does_not_exist_is_said_and_hurts_nobody(resolving: Product) -> None:
    condition = resolving.wait_condition("Backend", "nowhere", "ResolvedRefs", "False", "AddressNotResolved")
    assert "no.haloy.example" in condition["message"]
    assert "NXDOMAIN" in condition["message"]
    assert resolving.get("nowhere.test").status == 503
    assert resolving.get("named.test").status == 200


def test_the_last_answer_is_not_needed_to_start(
    fresh: Callable[..., Product], second: tuple[Echo, Echo], answering: Nameserver
) -> None:
    """A nameserver that does not answer at all delays the start by half a second at most, and the rest is served."""
    product = fresh(f"--nameservers=127.0.0.1:{free_port()}")
    up = f"{{address: 127.0.0.1, port: {second[0].port}}}"
    product.write(
        "all.yaml",
        backend("mixed", up, f"{{address: {NAME}, port: {second[0].port}}}")
        + route("mixed", "hosts: [mixed.test]\nrules: [{backendRefs: [{name: mixed}]}]"),
    )
    product.start()
    assert product.get("mixed.test").upstream == "one"
    product.stop()
