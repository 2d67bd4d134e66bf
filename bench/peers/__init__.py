"""The proxies that are measured, one module each: a function from a Site to how the proxy is started for it."""

from collections.abc import Callable, Mapping
from functools import partial

from bench.peers import caddy, envoy, featureless, haloy, handwritten, nginx, traefik
from bench.site import Answer, Site

BASELINE = "handwritten"

PROXIES: Mapping[str, Callable[[Site], Answer]] = {
    "featureless": featureless.prepare,
    BASELINE: handwritten.prepare,
    "haloy-1": partial(haloy.prepare, routes=1),
    "haloy-1000": partial(haloy.prepare, routes=1000),
    "nginx": nginx.prepare,
    "envoy": envoy.prepare,
    "traefik": traefik.prepare,
    "caddy": caddy.prepare,
}

GOALS: Mapping[str, float] = {"haloy-1": 1.10, "haloy-1000": 1.15}
"""The largest ratio to the baseline's CPU per request that haloy allows itself."""
