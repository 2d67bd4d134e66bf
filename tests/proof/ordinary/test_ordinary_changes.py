"""Every ordinary change is seen by clients, and HAProxy is not reloaded for it."""

import time
from collections.abc import Callable, Iterator

import pytest

from haloy.proxies.ordinary import OrdinaryChange
from tests.features.certificates import Authority
from tests.features.echo import Echo, echo
from tests.features.product import Product, eventually
from tests.proof.causes.reloads import reasons
from tests.proof.ordinary.certificates import certificate_cases
from tests.proof.ordinary.changes import Case, Surroundings, cases, plain

Site = tuple[Product, dict[OrdinaryChange, Case], int]
"""With the number of reloads before the first of the changes."""


@pytest.fixture(scope="module")
def site(product: Product, upstreams: Callable[[str], Echo]) -> Iterator[Site]:
    """Everything as it is before any of the changes; a Backend of LeastConnections makes its profile a known one."""
    authority = Authority()
    mutual = authority.issue("m.internal").context(client_ca=authority.pem)
    with (
        echo("s", tls=authority.issue("s.internal").context()) as tls_upstream,
        echo("m", tls=mutual) as mutual_upstream,
    ):
        near = Surroundings(upstreams, tls_upstream, mutual_upstream, authority)
        upstreams("slow").delay = 0.3
        found = {**cases(near), **certificate_cases(near)}
        other = near.backend("least", "a", extra="loadBalancing: {algorithm: LeastConnections}")
        product.write("ca.yaml", authority.secret("ca"))
        product.write("least.yaml", plain("least") + other)
        for case in found.values():
            for name, text in case.before.items():
                product.write(f"{name}.yaml", text)
        for name in ("least", "known-profile", "renewed-certificate", "client-certificate", "check-rhythm"):
            product.wait_condition("Route", name, "Programmed", "True")
        _settled(product)
        yield product, found, product.reload_count()


def _settled(product: Product) -> None:
    """Nobody reloads any more: what was written before is live, and pools are filled."""
    seen, since = product.reload_count(), time.monotonic()

    def quiet() -> bool:
        nonlocal seen, since
        if (now := product.reload_count()) != seen:
            seen, since = now, time.monotonic()
        return time.monotonic() - since > 1.0

    eventually(quiet, what="no more reloads")


@pytest.mark.parametrize("change", OrdinaryChange, ids=str)
def test_no_reload(site: Site, change: OrdinaryChange) -> None:
    product, found, _ = site
    case = found[change]
    before = product.reload_count()
    assert not case.sees(product), "it shows before it is made"
    for name, text in case.after.items():
        product.write(f"{name}.yaml", text)
    eventually(lambda: case.sees(product), what=f"{change} is seen")
    assert product.reload_count() == before, reasons(product, before)


def test_nor_is_there_one_later(site: Site) -> None:
    """A reload could come to light only after its change was seen."""
    product, _, before = site
    _settled(product)
    assert product.reload_count() == before, reasons(product, before)
