"""haloy itself: `haloy serve` on a generated directory, with the defaults that users get."""

import sys
from collections.abc import Iterator
from typing import Any

import yaml

from bench.site import HOST, Answer, Launch, Site


def prepare(site: Site, *, routes: int) -> Answer:
    """`routes` Routes and Backends of two endpoints each; the one under load stands in their middle."""
    directory = site.directory / "objects"
    directory.mkdir()
    (directory / "site.yaml").write_text(yaml.safe_dump_all(_objects(site, routes), sort_keys=False))
    flags = {
        "--http": f"127.0.0.1:{site.http}",
        "--https": f"127.0.0.1:{site.https}",
        "--admin": f"127.0.0.1:{site.admin}",
        "--state": str(site.directory / "state"),
        "--access-log": str(site.access_log),
    }
    argv = [sys.executable, "-m", "haloy.cli", "serve", str(directory)]
    return Launch((*argv, *(part for flag in flags.items() for part in flag)), program="haproxy")


def _objects(site: Site, routes: int) -> Iterator[dict[str, Any]]:
    yield {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "shop-tls", "namespace": "web"},
        "type": "kubernetes.io/tls",
        "stringData": {"tls.crt": site.chain.read_text(), "tls.key": site.key.read_text()},
    }
    for number in range(routes):
        loaded = number == routes // 2
        name = "shop" if loaded else f"site-{number}"
        tls = {"tls": {"secretName": "shop-tls", "redirect": False}} if loaded else {}
        yield {
            "apiVersion": "haloy.dev/v1alpha1",
            "kind": "Route",
            "metadata": {"name": name, "namespace": "web"},
            "spec": {
                "hosts": [HOST if loaded else f"{name}.example.com"],
                **tls,
                "rules": [{"backendRefs": [{"name": name}]}],
            },
        }
        yield {
            "apiVersion": "haloy.dev/v1alpha1",
            "kind": "Backend",
            "metadata": {"name": name, "namespace": "web"},
            "spec": {"endpoints": [{"address": "127.0.0.1", "port": port} for port in site.endpoints]},
        }
