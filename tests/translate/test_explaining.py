"""`explained/<a sentence>.in.yaml` → `.out.txt`: what becomes of an object, and where each value came from."""

from pathlib import Path

import pytest

from haloy.model.health import EndpointKey
from haloy.model.refs import ObjectRef
from haloy.translate import translate
from haloy.translate.explain import explain
from tests.translate.certs import issue, secret
from tests.translate.world import backend, context, read_world, route, snapshot

GOLDENS = sorted((Path(__file__).parent / "explained").glob("*.in.yaml"))
OWN = {"secretName": "shop-tls"}


@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.name.removesuffix(".in.yaml"))
def test_golden(path: Path, update_goldens: bool) -> None:
    world = read_world(path)
    translation = translate(world.snapshot, world.context)
    actual = "\n".join(explain(ref, world.snapshot, translation).text() for ref in world.explain)
    expected = path.with_name(path.name.replace(".in.yaml", ".out.txt"))
    if update_goldens:
        expected.write_text(actual)
    assert actual == expected.read_text()


def test_notes_stand_behind_their_endpoints() -> None:
    world = snapshot([backend("shop")])
    explanation = explain(ObjectRef("Backend", "web", "shop"), world, translate(world, context()))
    text = explanation.text({EndpointKey("web/shop", "10.0.0.1:8080"): "Healthy"})
    assert "10.0.0.1:8080, weight 100  Healthy  (spec.endpoints[0])\n" in text


def test_a_secret_says_where_it_is_used() -> None:
    spec = {"hosts": ["shop.example"], "tls": OWN, "rules": [{"backendRefs": [{"name": "shop"}]}]}
    held = secret("shop-tls", issue("shop.example"))
    world = snapshot([route("shop", spec), backend("shop"), held])
    translation = translate(world, context())
    text = explain(held.ref, world, translation).text()
    assert "certificate in use, valid until 2026-08-30 12:00 UTC" in text
    assert text.endswith("  used by\n    shop.example\n")
    shown = explain(ObjectRef("Route", "web", "shop"), world, translation).text()
    assert "certificate web/shop-tls, valid until 2026-08-30 12:00 UTC, TLS 1.2 or newer  (spec.tls)\n" in shown


def test_a_route_of_another_fleet_says_so() -> None:
    rules = [{"backendRefs": [{"name": "shop"}]}]
    world = snapshot([route("shop", {"proxyClass": "internal", "rules": rules})])
    text = explain(ObjectRef("Route", "web", "shop"), world, translate(world, context())).text()
    assert text == "route/web/shop\n  belongs to another fleet of proxies  (spec.proxyClass)\n"


def test_what_does_not_exist_cannot_be_explained() -> None:
    world = snapshot([])
    with pytest.raises(KeyError):
        explain(ObjectRef("Route", "web", "shop"), world, translate(world, context()))
