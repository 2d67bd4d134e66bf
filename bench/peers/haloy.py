"""haloy itself: `haloy serve` on a generated directory, with the defaults that users get."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any

import yaml

from bench.kinds import PLAIN, Kind
from bench.peers.handwritten import haproxy
from bench.site import HOST, Answer, Launch, Missing, Site

_OBJECTS_PER_FILE = 4_000
"""haloy reads no file of more than 8 MiB."""
SELDOM = "1h"
"""Between two checks of an endpoint where there are so many that their checks, which cost the same by hand, would hide a request's."""


def prepare(
    site: Site, *, routes: int, kind: Kind = PLAIN, check_interval: str | None = None, flags: Sequence[str] = ()
) -> Answer:
    """`routes` Routes of `kind` and as many Backends of two endpoints each; the one under load stands in their middle.
    `check_interval` None: the default policy."""
    directory = _write(site, routes, kind, check_interval)
    settings = {
        "--http": f"127.0.0.1:{site.http}",
        "--https": f"127.0.0.1:{site.https}",
        "--admin": f"127.0.0.1:{site.admin}",
        "--state": str(site.directory / "state"),
        "--access-log": str(site.access_log),
    }
    argv = [sys.executable, "-m", "haloy.cli", "serve", str(directory), *flags]
    return Launch((*argv, *(part for flag in settings.items() for part in flag)), program="haproxy")


def prepare_rendered(site: Site, *, routes: int, kind: Kind = PLAIN, check_interval: str | None = None) -> Answer:
    """HAProxy alone on what `haloy render` writes for the same: the cost of the configuration, with nobody steering."""
    program = haproxy()
    if isinstance(program, Missing):
        return program
    directory = _write(site, routes, kind, check_interval)
    state, rendered = site.directory / "state", site.directory / "rendered"
    (state / "run").mkdir(parents=True)
    (state / "haproxy").mkdir()
    settings = {"http": f"127.0.0.1:{site.http}", "https": f"127.0.0.1:{site.https}", "state": str(state)}
    config = site.write("haloy.yaml", yaml.safe_dump(settings))
    argv = (sys.executable, "-m", "haloy.cli", "render", directory, "--out", rendered, "--config", config)
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return Missing(f"haloy render failed: {done.stderr[-400:]}")
    return Launch((str(program), "-W", "-f", str(rendered)), logs_to_stdout=True)


def _write(site: Site, routes: int, kind: Kind, check_interval: str | None) -> Path:
    directory = site.directory / "objects"
    directory.mkdir()
    objects = _objects(site, routes, kind, check_interval)
    for number in count():
        some = list(islice(objects, _OBJECTS_PER_FILE))
        if not some:
            break
        text = yaml.dump_all(some, sort_keys=False, Dumper=_Dumper)
        (directory / f"site-{number:02}.yaml").write_text(text)
    return directory


def _objects(site: Site, routes: int, kind: Kind, interval: str | None) -> Iterator[dict[str, Any]]:
    yield {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "shop-tls", "namespace": "web"},
        "type": "kubernetes.io/tls",
        "stringData": {"tls.crt": site.chain.read_text(), "tls.key": site.key.read_text()},
    }
    policy = {}
    if interval is not None:
        policy = {"healthPolicy": "seldom"}
        yield _object("HealthPolicy", "seldom", {"tcp": {}, "interval": interval})
    for number in range(routes):
        loaded = number == routes // 2
        name = "shop" if loaded else f"site-{number}"
        tls = {"tls": {"secretName": "shop-tls", "redirect": False}} if loaded else {}
        targets = [name, *(f"{name}-{other}" for other in range(2, len(kind.weights) + 1))]
        refs = [{"name": each, "weight": weight} for each, weight in zip(targets, kind.weights, strict=True)]
        hosts = [HOST if loaded else f"{name}.example.com"]
        yield _object("Route", name, {"hosts": hosts, **tls, "rules": [{**kind.rule, "backendRefs": refs}]})
        for each in targets:
            endpoints = [{"address": "127.0.0.1", "port": port} for port in site.endpoints]
            yield _object("Backend", each, {"endpoints": endpoints, **policy})


def _object(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "haloy.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "web"},
        "spec": spec,
    }


class _Dumper(yaml.SafeDumper):
    """Without anchors: one dictionary stands in many Routes."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
