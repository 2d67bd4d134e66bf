"""Rules as programs, filters without running one, and rules compiled must give the same answers."""

from dataclasses import replace

import pytest

from haloy.proxies.haproxy.artifacts import Artifacts
from haloy.proxies.haproxy.render.maps import KNOWN

PROGRAMS = "programs"
"""With Lua, and every filter runs its program."""

BOTH_WAYS = pytest.mark.parametrize(
    "serve", [True, PROGRAMS, False], ids=["lua", "programs", "compiled"], indirect=True
)
"""For tests that take `serve`. With Lua, what can do without it does."""


def with_programs_only(artifacts: Artifacts) -> Artifacts:
    """As if nothing of filters were compiled."""
    return replace(artifacts, maps={**artifacts.maps, KNOWN: {}})
