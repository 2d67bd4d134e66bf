"""Spare slots run low, and run out."""

from collections.abc import Callable

from haloy.proxies.base import ReloadCause
from tests.features.echo import Echo
from tests.features.product import Product, backend, eventually, route
from tests.proof.causes.reloads import reasons, shown

SPARE = 8


def named(name: str, upstream: Echo) -> str:
    return backend(name, upstream.endpoint) + route(
        name, f"hosts: [{name}.test]\nrules: [{{backendRefs: [{{name: {name}}}]}}]"
    )


def started(fresh: Callable[..., Product], upstream: Echo) -> Product:
    product = fresh(f"--spare-slots={SPARE}")
    product.write("first.yaml", named("first", upstream))
    product.start()
    product.wait_condition("Route", "first", "Ready", "True")
    return product


def test_pool_refill(fresh: Callable[..., Product], upstreams: Callable[[str], Echo]) -> None:
    """One new Backend after the other: none of them waits, and before the last slot is taken there are more."""
    product = started(fresh, upstreams("a"))
    before = product.reload_count()
    for number in range(2 * SPARE):
        product.write(f"n{number}.yaml", named(f"n{number}", upstreams("a")))
        product.wait_answer(f"n{number}.test", "/", lambda answer: answer.upstream == "a")
    shown(product, ReloadCause.POOL_REFILL, None, before)
    assert {reason["cause"] for reason in reasons(product, before)} == {ReloadCause.POOL_REFILL.value}


def test_pool_exhausted(fresh: Callable[..., Product], upstreams: Callable[[str], Echo]) -> None:
    product = started(fresh, upstreams("a"))
    before = product.reload_count()
    product.write("many.yaml", "".join(named(f"m{number}", upstreams("a")) for number in range(2 * SPARE)))
    eventually(
        lambda: [one for one in reasons(product, before) if one["cause"] == ReloadCause.POOL_EXHAUSTED.value],
        lambda found: bool(found) and str(found[0]["source"]).startswith("backend/default/m"),
    )
    for number in range(2 * SPARE):
        product.wait_answer(f"m{number}.test", "/", lambda answer: answer.upstream == "a")
