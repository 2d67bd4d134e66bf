"""From what runs and what is wanted to a Plan. Pure.

A difference that HAProxy can be told at run time becomes a step, in make-before-break order; any other becomes a reason
of the one Reload, whose files then carry all the rest.
"""

from collections.abc import Iterator, Mapping

from haloy.proxies.base import ReloadCause, ReloadReason
from haloy.proxies.haproxy.artifacts import Artifacts, CertificateLine, Section, Server
from haloy.proxies.haproxy.plan.map_steps import CHECK_MAPS, broken, entries_too_large, made, map_differences
from haloy.proxies.haproxy.plan.reasons import Pairs, secret_of, structural_reasons
from haloy.proxies.haproxy.plan.running import Running, differences
from haloy.proxies.haproxy.plan.steps import (
    AddCertificateLine,
    AddServer,
    DrainServer,
    DropCertificate,
    NewCertificate,
    Plan,
    Reload,
    RemoveCertificateLine,
    RemoveServer,
    ReplaceCertificate,
    RestoreServer,
    RestSlot,
    RuntimeStep,
    SetState,
    SetWeight,
    Step,
    WriteFiles,
)
from haloy.proxies.haproxy.runtime.cli_commands import COMMAND_LIMIT

WORDS = 512
"""Bytes of a command with a PEM payload that are not PEM, at most."""


def plan(running: Running, wanted: Artifacts, pem_sizes: Mapping[str, int], limit: int | None = COMMAND_LIMIT) -> Plan:
    """The steps from `running` to `wanted`.

    `pem_sizes`: bytes of PEM by Material digest. `limit`: bytes of a Runtime API command, None: no limit. What is the same
    object in both is not looked at.
    """
    pairs = differences(running.artifacts, wanted)
    new, changed = _certificates(running, wanted, pairs)
    removed, added = _lines(running, wanted)
    maps = map_differences(running, wanted.maps)
    reasons = (
        *(ReloadReason(ReloadCause.DRIFT, None, sentence) for sentence in running.drift),
        *structural_reasons(running, wanted, pairs),
        *_unlinked(changed, running),
        *_too_large((*new, *changed), added, wanted, pem_sizes, limit),
        *entries_too_large(maps, limit),
    )
    if reasons:
        return Plan((Reload(reasons),))
    both = [(old, section) for old, section in pairs if old is not None and section is not None]
    steps = (
        *(NewCertificate(path, wanted.pem_files[path]) for path in new),
        *(ReplaceCertificate(path, wanted.pem_files[path]) for path in changed),
        *(AddCertificateLine(line) for line in added),
        *made([one for one in maps if one.name in CHECK_MAPS]),
        *_servers_in(running, both),
        *made([one for one in maps if one.name not in CHECK_MAPS]),
        *broken(maps),
        *(RemoveCertificateLine(line) for line in removed),
        *(DropCertificate(path) for path in _dropped(running, wanted)),
        *_servers_out(both),
    )
    if not steps and running.artifacts.revision == wanted.revision:
        return Plan()
    first: tuple[Step, ...] = (WriteFiles(wanted.revision),)
    return Plan(first + steps)


def _servers_in(running: Running, pairs: list[tuple[Section, Section]]) -> Iterator[RuntimeStep]:
    """Servers that come, and what changes on those that stay."""
    for old, section in pairs:
        if section.servers is old.servers:
            continue
        before = {server.name: server for server in old.servers}
        former = None if section.cluster is None else running.artifacts.layout.placements.get(section.cluster)
        heir_of = None if former is None or former.slot == section.name else former.slot
        for server in section.servers:
            present = before.get(server.name)
            if present is server:
                continue
            if present is None:
                if (section.name, server.name) in running.leaving:
                    yield RestoreServer(section.name, server)
                else:
                    yield AddServer(section.name, server, heir_of)
                continue
            if present.weight != server.weight:
                yield SetWeight(section.name, server.name, server.weight)
            if present.state is not server.state:
                yield SetState(section.name, server.name, server.state)


def _servers_out(pairs: list[tuple[Section, Section]]) -> Iterator[RuntimeStep]:
    for old, section in pairs:
        if old.cluster is not None and section.cluster is None:
            yield RestSlot(section.name, old.cluster)
            continue
        if section.servers is old.servers:
            continue
        stay = {server.name for server in section.servers}
        for server in old.servers:
            if server.name not in stay:
                yield DrainServer(section.name, server.name)
                yield RemoveServer(section.name, server.name)


def _certificates(running: Running, wanted: Artifacts, pairs: Pairs) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """PEM files that must be loaded, and those whose content must be exchanged: one that waits to be dropped is still there.

    A file that neither the crt-list nor a server to be added refers to need not be loaded: HAProxy would not load it
    at a start either.
    """
    loaded = running.artifacts.pem_files
    if loaded is wanted.pem_files or loaded == wanted.pem_files:
        return (), ()
    changed = tuple(
        path
        for path, digest in wanted.pem_files.items()
        if loaded.get(path, digest) != digest or path in running.unused
    )
    unknown = [path for path in wanted.pem_files if path not in loaded and path not in running.unused]
    if not unknown:
        return (), changed
    used = {line.path for line in wanted.certificates} if running.crt_list else set()
    used.update(word for server in _added(pairs) for option in server.options for word in option.split())
    return tuple(path for path in unknown if path in used), changed


def _dropped(running: Running, wanted: Artifacts) -> Iterator[str]:
    if running.artifacts.pem_files is not wanted.pem_files:
        yield from (path for path in running.artifacts.pem_files if path not in wanted.pem_files)


def _added(pairs: Pairs) -> Iterator[Server]:
    for old, section in pairs:
        if old is not None and section is not None and old.servers is not section.servers:
            present = {server.name for server in old.servers}
            yield from (server for server in section.servers if server.name not in present)


def _lines(running: Running, wanted: Artifacts) -> tuple[list[CertificateLine], list[CertificateLine]]:
    """Lines of the crt-list that go, and those that come. Nothing but what lies between equal beginnings and ends is hashed."""
    before, after = running.artifacts.certificates, wanted.certificates
    if not running.crt_list or before is after:
        return [], []
    shorter = min(len(before), len(after))
    start = next((at for at in range(shorter) if before[at] is not after[at] and before[at] != after[at]), shorter)
    end = next(
        (
            at
            for at in range(shorter - start)
            if before[-1 - at] is not after[-1 - at] and before[-1 - at] != after[-1 - at]
        ),
        shorter - start,
    )
    gone, come = before[start : len(before) - end], after[start : len(after) - end]
    known, kept = set(gone), set(come)
    return [line for line in gone if line not in kept], [line for line in come if line not in known]


def _unlinked(changed: tuple[str, ...], running: Running) -> Iterator[ReloadReason]:
    """Bundles of CA certificates whose new content servers would not notice.

    HAProxy 2.8 links a CA file to the certificate of the server that names it; for a server without one of its own,
    `commit ssl ca-file` succeeds and changes nothing (`show ssl ca-file` says Unused).
    """
    if not changed:
        return
    trusted = {
        word
        for fragment in running.artifacts.fragments
        for section in fragment.sections
        for server in section.servers
        if "crt" not in server.options
        for option in server.options
        for word in option.split()
    }
    for path in changed:
        if path in trusted:
            detail = f"the CA certificates in {path} are new, and servers that trust the old ones do not notice"
            yield ReloadReason(ReloadCause.DRIFT, secret_of(path), detail)


def _too_large(
    paths: tuple[str, ...],
    added: list[CertificateLine],
    wanted: Artifacts,
    pem_sizes: Mapping[str, int],
    limit: int | None,
) -> Iterator[ReloadReason]:
    """Certificates that do not fit into a command, and lines with so many names that they do not."""
    if limit is None:
        return
    room = limit - WORDS
    for path in paths:
        size = pem_sizes.get(wanted.pem_files[path], 0)
        if size > room:
            detail = f"{path} has {size} bytes, the Runtime API takes {room}"
            yield ReloadReason(ReloadCause.CERTIFICATE_TOO_LARGE, secret_of(path), detail)
    for line in added:
        if sum(len(name) + 1 for name in line.filters) > room:
            detail = f"{line.path} serves {len(line.filters)} names, too many for the Runtime API"
            yield ReloadReason(ReloadCause.CERTIFICATE_TOO_LARGE, secret_of(line.path), detail)
