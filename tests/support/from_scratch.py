"""What HAProxy should say of itself for a Delivery, rendered from scratch into the places that Clusters have."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from haloy.model.model import Delivery
from haloy.proxies.haproxy.driver import Haproxy
from haloy.proxies.haproxy.render.frontends import DEFAULT_CERTIFICATE
from haloy.proxies.haproxy.render.render import render
from tests.haproxy.driver.truth import expected


def from_scratch(proxy: Haproxy, root: Path, delivery: Delivery) -> dict[str, Any]:
    """In the shape of `tests.haproxy.driver.truth`. `root`: the proxy's state folder."""
    assert proxy._transactions is not None
    options = proxy._render_options()
    artifacts = render(delivery.model, options, before=proxy._transactions.layout)
    text = "".join(section.text for fragment in artifacts.fragments for section in fragment.sections)
    text += "".join(content.decode() for name, content in artifacts.files.items() if name.endswith(".lua"))
    used = {line.path for line in artifacts.certificates} | {DEFAULT_CERTIFICATE}
    fallback = (root / "haproxy" / "fallback.pem").read_bytes()
    content = dict.fromkeys({options.fallback_certificate, DEFAULT_CERTIFICATE} & used, fallback)
    content |= {
        path: delivery.materials[digest].pem.reveal() for path, digest in artifacts.pem_files.items() if path in used
    }
    loaded = replace(artifacts, maps={name: held for name, held in artifacts.maps.items() if name in text})
    return expected(loaded, content)
