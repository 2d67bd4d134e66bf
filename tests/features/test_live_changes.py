"""What changes while it runs: files are the truth, and endpoints, weights and drains need no reload."""

import shutil
from collections import Counter
from collections.abc import Callable

import pytest

from tests.features.echo import Echo
from tests.features.product import Product, backend, eventually, route


@pytest.fixture(scope="module")
def base(product: Product, upstreams: Callable[[str], Echo]) -> Product:
    product.write("routes.yaml", route("live", "hosts: [live.test]\nrules: [{backendRefs: [{name: live}]}]"))
    product.write("live.yaml", backend("live", upstreams("a").endpoint))
    product.wait_condition("Route", "live", "Ready", "True")
    return product


def shares(product: Product, host: str, count: int = 60) -> Counter[str | None]:
    return Counter(product.get(host).upstream for _ in range(count))


def test_endpoints_come_and_go_without_a_reload(base: Product, upstreams: Callable[[str], Echo]) -> None:
    base.write("live.yaml", backend("live", upstreams("a").endpoint))
    base.wait_answer("live.test", "/", lambda answer: answer.upstream == "a")
    before = base.reload_count()
    base.write("live.yaml", backend("live", upstreams("a").endpoint, upstreams("b").endpoint))
    eventually(lambda: set(shares(base, "live.test", 10)), lambda found: found == {"a", "b"})
    base.write("live.yaml", backend("live", upstreams("b").endpoint))
    eventually(lambda: set(shares(base, "live.test", 10)), lambda found: found == {"b"})
    base.write("live.yaml", backend("live", upstreams("a").endpoint))
    eventually(lambda: set(shares(base, "live.test", 10)), lambda found: found == {"a"})
    assert base.reload_count() == before


def test_weights_change_without_a_reload(base: Product, upstreams: Callable[[str], Echo]) -> None:
    a, b = upstreams("a").port, upstreams("b").port

    def weighted(first: int, second: int) -> str:
        return backend(
            "live",
            f"{{address: 127.0.0.1, port: {a}, weight: {first}}}",
            f"{{address: 127.0.0.1, port: {b}, weight: {second}}}",
        )

    base.write("live.yaml", weighted(100, 100))
    eventually(lambda: set(shares(base, "live.test", 10)), lambda found: found == {"a", "b"})
    before = base.reload_count()
    base.write("live.yaml", weighted(0, 100))
    eventually(lambda: set(shares(base, "live.test", 20)), lambda found: found == {"b"})
    base.write("live.yaml", weighted(150, 50))
    eventually(lambda: shares(base, "live.test", 80), lambda counts: 55 <= counts["a"] <= 65, "three of four")
    assert base.reload_count() == before


def test_weights_between_backends_change_without_a_reload(base: Product, upstreams: Callable[[str], Echo]) -> None:
    def pair(first: int, second: int) -> str:
        return route(
            "pair",
            f"hosts: [pair.test]\nrules: [{{backendRefs: [{{name: one, weight: {first}}}, {{name: two, weight: {second}}}]}}]",
        )

    base.write("pair-backends.yaml", backend("one", upstreams("a").endpoint) + backend("two", upstreams("b").endpoint))
    base.write("pair.yaml", pair(1, 1))
    eventually(lambda: set(shares(base, "pair.test", 20)), lambda found: found == {"a", "b"})
    before = base.reload_count()
    base.write("pair.yaml", pair(1, 0))
    eventually(lambda: set(shares(base, "pair.test", 20)), lambda found: found == {"a"})
    base.write("pair.yaml", pair(90, 10))
    eventually(lambda: set(shares(base, "pair.test", 60)), lambda found: found == {"a", "b"})
    found = shares(base, "pair.test", 300)
    assert 235 <= found["a"] <= 295
    assert base.reload_count() == before


def test_a_new_host_of_a_known_backend_needs_no_reload(base: Product) -> None:
    before = base.reload_count()
    base.write("more.yaml", route("more", "hosts: [more.test]\nrules: [{backendRefs: [{name: live}]}]"))
    base.wait_answer("more.test", "/", lambda answer: answer.status == 200)
    (base.directory / "more.yaml").unlink()
    base.wait_answer("more.test", "/", lambda answer: answer.status == 404)
    assert base.reload_count() == before


def test_a_new_backend_needs_no_reload(base: Product, upstreams: Callable[[str], Echo]) -> None:
    before = base.reload_count()
    base.write(
        "new.yaml",
        backend("new", upstreams("c").endpoint)
        + route("new", "hosts: [new.test]\nrules: [{backendRefs: [{name: new}]}]"),
    )
    base.wait_answer("new.test", "/", lambda answer: answer.upstream == "c")
    (base.directory / "new.yaml").unlink()
    base.wait_answer("new.test", "/", lambda answer: answer.status == 404)
    assert base.reload_count() == before


def test_a_structural_change_reloads_and_says_why(base: Product, upstreams: Callable[[str], Echo]) -> None:
    before = base.reload_count()
    base.write(
        "other.yaml",
        backend("other", upstreams("c").endpoint, extra="connections: {connectTimeout: 1234ms}")
        + route("other", "hosts: [other.test]\nrules: [{backendRefs: [{name: other}]}]"),
    )
    base.wait_answer("other.test", "/", lambda answer: answer.upstream == "c")
    eventually(base.reload_count, lambda count: count == before + 1)
    assert '"new-profile"' in base.view("/v1/reloads")
    assert "backend/default/other" in base.view("/v1/reloads")


def test_editors_symlinks_and_checkouts(base: Product, upstreams: Callable[[str], Echo]) -> None:
    """A file written in place, a symlink that is swapped, a folder that is replaced as a whole."""
    target = base.directory / "inplace.yaml"
    target.write_text(route("inplace", "hosts: [inplace.test]\nrules: [{backendRefs: [{name: live}]}]"))
    base.wait_answer("inplace.test", "/", lambda answer: answer.status == 200)

    versions = base.directory.parent / "versions"
    for version in ("1", "2"):
        (versions / version).mkdir(parents=True)
        (versions / version / "linked.yaml").write_text(
            route("linked", f"hosts: [linked{version}.test]\nrules: [{{backendRefs: [{{name: live}}]}}]")
        )
    (base.directory / "current").symlink_to(versions / "1")
    base.wait_answer("linked1.test", "/", lambda answer: answer.status == 200)
    (versions / "next").symlink_to(versions / "2")
    (versions / "next").replace(base.directory / "current")
    base.wait_answer("linked2.test", "/", lambda answer: answer.status == 200)
    assert base.get("linked1.test").status == 404

    checkout = base.directory / "checkout"
    checkout.mkdir()
    (checkout / "c.yaml").write_text(route("co", "hosts: [checkout1.test]\nrules: [{backendRefs: [{name: live}]}]"))
    base.wait_answer("checkout1.test", "/", lambda answer: answer.status == 200)
    shutil.rmtree(checkout)
    checkout.mkdir()
    (checkout / "c.yaml").write_text(route("co", "hosts: [checkout2.test]\nrules: [{backendRefs: [{name: live}]}]"))
    base.wait_answer("checkout2.test", "/", lambda answer: answer.status == 200)
    assert base.get("checkout1.test").status == 404
