"""Reloads at the start of a haloy, and after HAProxy was changed behind its back."""

import os
import signal
from collections.abc import Callable

from haloy.proxies.base import ReloadCause
from tests.features.echo import Echo
from tests.features.product import Product, backend, eventually, route
from tests.proof.causes.reloads import runtime, shown


def site(product: Product, upstream: Echo, host: str = "base.test") -> None:
    spec = f"hosts: [{host}]\nrules: [{{backendRefs: [{{name: a}}]}}]"
    product.write("base.yaml", backend("a", upstream.endpoint) + route("base", spec))


def killed(product: Product) -> Product:
    """haloy is gone at once; its HAProxy stays and serves."""
    assert product.process is not None
    os.killpg(product.process.pid, 0)
    product.process.send_signal(signal.SIGKILL)
    product.process.wait(10)
    product.process = None
    return product


def test_start(fresh: Callable[..., Product]) -> None:
    """Without any state HAProxy is started and answers 404; the log of reloads begins with what comes after."""
    product = fresh().start()
    assert product.get("base.test").status == 404
    assert product.reload_count() == 0


def test_settings_changed(fresh: Callable[..., Product], upstreams: Callable[[str], Echo]) -> None:
    product = fresh()
    site(product, upstreams("a"))
    product.start()
    before = product.reload_count()
    killed(product).flags = ("--request-timeout=7s",)
    product.start()
    shown(product, ReloadCause.SETTINGS_CHANGED, None, before)


def test_recovery(fresh: Callable[..., Product], upstreams: Callable[[str], Echo]) -> None:
    """While no haloy was there, somebody gave a server another address: the next haloy does not go on from there."""
    product = fresh()
    site(product, upstreams("a"))
    product.start()
    product.wait_answer("base.test", "/", lambda answer: answer.upstream == "a")
    before = product.reload_count()
    killed(product)
    server = next(
        line.split() for line in runtime(product, "show servers state").splitlines() if str(upstreams("a").port) in line
    )
    runtime(product, f"set server {server[1]}/{server[3]} addr 127.0.0.1 port {upstreams('b').port}")
    eventually(lambda: product.get("base.test").upstream, lambda found: found == "b")
    product.start()
    shown(product, ReloadCause.RECOVERY, None, before)
    product.wait_answer("base.test", "/", lambda answer: answer.upstream == "a")
