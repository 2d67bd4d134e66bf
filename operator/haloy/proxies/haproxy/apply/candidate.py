"""The files of a generation, and the server states that go with it. Pure."""

import re
from collections.abc import Callable, Mapping

from haloy.model.cluster import EndpointState
from haloy.proxies.haproxy.apply.generations import Generation
from haloy.proxies.haproxy.apply.record import RecordWriter
from haloy.proxies.haproxy.artifacts import Artifacts
from haloy.proxies.haproxy.plan.running import servers
from haloy.proxies.haproxy.process.process import REVISION_VARIABLE
from haloy.proxies.haproxy.process.server_state import ConfiguredServer, StateFormatError, carried_over
from haloy.proxies.haproxy.runtime.servers_runtime import DRAIN

REVISION_FILE = "05-revision.cfg"
"""Apart from the sections: it says which generation a worker has loaded, and is never changed within a generation."""

ConfigFiles = Callable[[Artifacts], Mapping[str, bytes]]
"""Artifacts to every file but PEM."""

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


def files_of(
    artifacts: Artifacts, pem: Mapping[str, bytes], config_files: ConfigFiles, writer: RecordWriter
) -> dict[str, bytes]:
    """Every file of a generation but the revision's, in the order in which they may be written one by one.

    The record of what is meant comes first; then each file after those it refers to, so that at no point the directory is
    one that HAProxy would refuse.
    """
    rest = config_files(artifacts)
    record = writer.files(artifacts, pem)
    return {
        **record,
        **pem,
        **{name: rest[name] for name in sorted(rest, key=lambda name: (name.endswith(".cfg"), name))},
    }


def server_states(past: str, artifacts: Artifacts | None) -> str:
    """The server-state file for a worker that loads `artifacts`: health from `past` (`show servers state`, "": none)."""
    configured = [
        ConfiguredServer(
            section,
            server.name,
            server.address,
            server.port,
            id=server.id,
            weight=server.weight,
            admin=DRAIN if server.state is EndpointState.DRAINING else 0,
            checked=server.checked,
            agent=server.agent,
            initially_down=server.start_down,
        )
        for (section, _), server in (servers(artifacts) if artifacts is not None else ())
    ]
    try:
        return carried_over(past, configured)
    except StateFormatError:
        return carried_over("", configured)
