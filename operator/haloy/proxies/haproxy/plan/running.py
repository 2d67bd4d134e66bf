"""What one HAProxy does now, as a value that can be compared with what is wanted."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from haloy.proxies.haproxy.artifacts import Artifacts, Section, Server
from haloy.proxies.haproxy.plan.steps import DrainServer, NewCertificate, RestoreServer, Step
from haloy.proxies.haproxy.runtime.cli_commands import COMMAND_LIMIT

CRT_LIST = "certs/list.crt-list"
CA_FOLDER = "ca/"

_BUFFER = re.compile(r"^\s*tune\.bufsize (\d+)$", re.MULTILINE)
_DEFAULT_BUFFER = 16_384

ServerKey = tuple[str, str]
"""(section name, server name)."""


@dataclass(frozen=True, slots=True)
class Running:
    """`artifacts` is what the process does now: sections as they were loaded; servers, weights, states, maps, digests and
    certificate lines as they are live. Maps and PEM files that HAProxy has not loaded are absent from it.

    `leaving`: servers in maintenance that are not part of `artifacts` and are still to be deleted.
    `crt_list`: whether the crt-list is loaded at all (it is not without a TLS listener).
    `drift`: sentences about what nobody ordered and only a reload puts right.
    """

    artifacts: Artifacts
    leaving: Mapping[ServerKey, Server] = field(default_factory=dict)
    crt_list: bool = True
    drift: tuple[str, ...] = ()


def sections(artifacts: Artifacts) -> dict[str, Section]:
    """Every section by name, in the order of the files."""
    return {section.name: section for fragment in artifacts.fragments for section in fragment.sections}


def command_limit(artifacts: Artifacts) -> int:
    """Bytes of a Runtime API command that a process with this configuration takes: its buffer less HAProxy's reserve.

    A longer one crashes HAProxy 2.8 (cli_commands.COMMAND_LIMIT), and the buffer follows the Fleet's largest header.
    """
    found = [
        int(match[1])
        for fragment in artifacts.fragments[:1]
        for section in fragment.sections
        if (match := _BUFFER.search(section.text)) is not None
    ]
    return min([*found, _DEFAULT_BUFFER]) - (_DEFAULT_BUFFER - COMMAND_LIMIT)


def servers(artifacts: Artifacts) -> Iterator[tuple[ServerKey, Server]]:
    """Every server of every section."""
    for fragment in artifacts.fragments:
        for section in fragment.sections:
            for server in section.servers:
                yield (section.name, server.name), server


def after(running: Running, wanted: Artifacts, steps: Iterable[Step]) -> Running:
    """What runs once `steps` (a Plan from `running` to `wanted`, without a reload) have been taken and read back.

    Servers that wait to be deleted are `leaving`: whoever deletes them says so.
    """
    before = dict(servers(running.artifacts))
    leaving = dict(running.leaving)
    loaded = set(running.artifacts.pem_files)
    for step in steps:
        match step:
            case NewCertificate(path, _):
                loaded.add(path)
            case DrainServer(section, name):
                leaving[section, name] = before[section, name]
            case RestoreServer(section, server):
                leaving.pop((section, server.name), None)
            case _:
                pass
    live = replace(
        wanted,
        maps={name: wanted.maps.get(name, {}) for name in running.artifacts.maps},
        pem_files={path: digest for path, digest in wanted.pem_files.items() if path in loaded},
    )
    return replace(running, artifacts=live, leaving=leaving)
