"""The files of a generation, and the server states that go with it. Pure."""

import re
from collections.abc import Callable, Mapping

from haloy.model.cluster import EndpointState
from haloy.proxies.haproxy.apply.generations import Generation
from haloy.proxies.haproxy.artifacts import Artifacts, Section
from haloy.proxies.haproxy.process.process import REVISION_VARIABLE
from haloy.proxies.haproxy.process.server_state import ConfiguredServer, StateFormatError, carried_over
from haloy.proxies.haproxy.runtime.servers_runtime import DRAIN
from haloy.proxies.haproxy.slots.layout import Layout

REVISION_FILE = "05-revision.cfg"
"""Apart from the sections: it says which generation a worker has loaded, and is never changed within a generation."""

ConfigFiles = Callable[[Artifacts], Mapping[str, bytes]]
"""Artifacts to every file but PEM. What a fragment or a map says depends on nothing else, so that it can be asked for alone."""

_TOKEN = re.compile(rb"str\(([0-9]{1,12})\)")


def token(number: int) -> str:
    """What a worker of this generation answers to `get var proc.haloy_revision`."""
    return f"{number:06d}"


def revision_file(number: int) -> dict[str, bytes]:
    return {REVISION_FILE: f"global\n    set-var {REVISION_VARIABLE} str({token(number)})\n".encode()}


def token_of(generation: Generation) -> str | None:
    """The token of a generation on disk; None if its file is gone or damaged."""
    match = _TOKEN.search(generation.read(REVISION_FILE) or b"")
    return match[1].decode() if match is not None and match[1].decode() == generation.name else None


def server_states(past: str, artifacts: Artifacts | None, former: Layout | None = None) -> str:
    """The server-state file for a worker that loads `artifacts`: health from `past` (`show servers state`, "": none).

    `former`: which Cluster had which slot in that past; None: the same as in `artifacts`.
    """
    configured = [
        ConfiguredServer(
            section.name,
            server.name,
            server.address,
            server.port,
            id=server.id,
            weight=server.weight,
            admin=DRAIN if server.state is EndpointState.DRAINING else 0,
            checked=server.checked,
            agent=server.agent,
            initially_down=server.start_down,
            heir_of=_former_slot(section, former),
        )
        for fragment in (artifacts.fragments if artifacts is not None else ())
        for section in fragment.sections
        for server in section.servers
    ]
    try:
        return carried_over(past, configured)
    except StateFormatError:
        return carried_over("", configured)


def _former_slot(section: Section, former: Layout | None) -> str | None:
    if former is None or section.cluster is None:
        return None
    placement = former.placements.get(section.cluster)
    return "" if placement is None else placement.slot
