"""From what runs and what is wanted to a Plan. Pure.

A difference that HAProxy can be told at run time becomes a step, in make-before-break order; any other becomes a reason
of the one Reload, whose files then carry all the rest.
"""

from collections.abc import Iterator, Mapping

from haloy.proxies.base import ReloadCause, ReloadReason
from haloy.proxies.haproxy.artifacts import Artifacts, Section, Server
from haloy.proxies.haproxy.plan.reasons import secret_of, structural_reasons
from haloy.proxies.haproxy.plan.running import Running, sections
from haloy.proxies.haproxy.plan.steps import (
    AddCertificateLine,
    AddServer,
    DeleteMapEntries,
    DrainServer,
    DropCertificate,
    Entries,
    NewCertificate,
    Plan,
    Reload,
    RemoveCertificateLine,
    RemoveServer,
    ReplaceCertificate,
    RestoreServer,
    RuntimeStep,
    SetMapEntries,
    SetState,
    SetWeight,
    Step,
    SwapMap,
    WriteFiles,
)
from haloy.proxies.haproxy.render.maps import MAP_ORDER
from haloy.proxies.haproxy.runtime.cli_commands import COMMAND_LIMIT

WORDS = 512
"""Bytes of a command with a PEM payload that are not PEM, at most."""

SWAP_ABOVE = 100
"""Changed or deleted entries of one map from which on the whole map may be swapped instead."""

_SUFFIXES = "maps/suffixes."
"""Maps that are searched in their own order: the longest key must come first, and `add map` can only append."""


def plan(running: Running, wanted: Artifacts, pem_sizes: Mapping[str, int], limit: int | None = COMMAND_LIMIT) -> Plan:
    """The steps from `running` to `wanted`.

    `pem_sizes`: bytes of PEM by Material digest. `limit`: bytes of a Runtime API command, None: no limit.
    """
    new, changed = _certificates(running, wanted)
    reasons = (
        *(ReloadReason(ReloadCause.DRIFT, None, sentence) for sentence in running.drift),
        *structural_reasons(running, wanted),
        *_unlinked(changed, running),
        *_too_large((*new, *changed), running, wanted, pem_sizes, limit),
    )
    if reasons:
        return Plan((Reload(reasons),))
    steps = tuple(_runtime(running, wanted, new, changed))
    if not steps and running.artifacts.revision == wanted.revision:
        return Plan()
    first: tuple[Step, ...] = (WriteFiles(wanted.revision),)
    return Plan(first + steps)


def _runtime(
    running: Running, wanted: Artifacts, new: tuple[str, ...], changed: tuple[str, ...]
) -> Iterator[RuntimeStep]:
    before, after = sections(running.artifacts), sections(wanted)
    pairs = [(before[name], after[name]) for name in after if before[name] is not after[name]]
    added = [line for line in wanted.certificates if line not in set(running.artifacts.certificates)]
    removed = [line for line in running.artifacts.certificates if line not in set(wanted.certificates)]
    yield from (NewCertificate(path, wanted.pem_files[path]) for path in new)
    yield from (ReplaceCertificate(path, wanted.pem_files[path]) for path in changed)
    if running.crt_list:
        yield from (AddCertificateLine(line) for line in added)
    for old, section in pairs:
        yield from _servers_in(running, old, section)
    yield from _map_steps(running.artifacts.maps, wanted.maps)
    if running.crt_list:
        yield from (RemoveCertificateLine(line) for line in removed)
    yield from (DropCertificate(path) for path in running.artifacts.pem_files if path not in wanted.pem_files)
    yield from _servers_out(running, pairs, after)


def _servers_in(running: Running, old: Section, section: Section) -> Iterator[RuntimeStep]:
    """Servers that come, and what changes on those that stay."""
    before = {server.name: server for server in old.servers}
    for server in section.servers:
        present = before.get(server.name)
        if present is None:
            if (section.name, server.name) in running.leaving:
                yield RestoreServer(section.name, server)
            else:
                yield AddServer(section.name, server)
            continue
        if present.weight != server.weight:
            yield SetWeight(section.name, server.name, server.weight)
        if present.state is not server.state:
            yield SetState(section.name, server.name, server.state)


def _servers_out(
    running: Running, pairs: list[tuple[Section, Section]], after: Mapping[str, Section]
) -> Iterator[RuntimeStep]:
    for old, section in pairs:
        stay = {server.name for server in section.servers}
        for server in old.servers:
            if server.name not in stay:
                yield DrainServer(section.name, server.name)
                yield RemoveServer(section.name, server.name)
    for section_name, name in running.leaving:
        if section_name in after and all(server.name != name for server in after[section_name].servers):
            yield RemoveServer(section_name, name)


def _certificates(running: Running, wanted: Artifacts) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """PEM files that must be loaded, and those whose content must be exchanged.

    A file that neither the crt-list nor a server to be added refers to need not be loaded: HAProxy would not load it
    at a start either.
    """
    loaded = running.artifacts.pem_files
    changed = tuple(path for path, digest in wanted.pem_files.items() if loaded.get(path, digest) != digest)
    unknown = [path for path in wanted.pem_files if path not in loaded]
    if not unknown:
        return (), changed
    used = {line.path for line in wanted.certificates} if running.crt_list else set()
    used.update(option for server in _added(running, wanted) for option in server.options)
    words = {word for option in used for word in option.split()}
    return tuple(path for path in unknown if path in words), changed


def _added(running: Running, wanted: Artifacts) -> Iterator[Server]:
    before = sections(running.artifacts)
    for name, section in sections(wanted).items():
        old = before.get(name)
        if old is not None and old.servers != section.servers:
            present = {server.name for server in old.servers}
            yield from (server for server in section.servers if server.name not in present)


def _unlinked(changed: tuple[str, ...], running: Running) -> Iterator[ReloadReason]:
    """Bundles of CA certificates whose new content servers would not notice.

    HAProxy 2.8 links a CA file to the certificate of the server that names it; for a server without one of its own,
    `commit ssl ca-file` succeeds and changes nothing (`show ssl ca-file` says Unused).
    """
    if not changed:
        return
    anonymous = (
        server
        for section in sections(running.artifacts).values()
        for server in section.servers
        if "crt" not in server.options
    )
    trusted = {option for server in anonymous for option in server.options}
    for path in changed:
        if path in trusted:
            yield ReloadReason(ReloadCause.SERVER_CHANGED, secret_of(path), f"the CA certificates in {path} are new")


def _too_large(
    paths: tuple[str, ...], running: Running, wanted: Artifacts, pem_sizes: Mapping[str, int], limit: int | None
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
    known = set(running.artifacts.certificates)
    for line in wanted.certificates:
        if running.crt_list and line not in known and sum(len(name) + 1 for name in line.filters) > room:
            detail = f"{line.path} serves {len(line.filters)} names, too many for the Runtime API"
            yield ReloadReason(ReloadCause.CERTIFICATE_TOO_LARGE, secret_of(line.path), detail)


def _map_steps(
    before: Mapping[str, Mapping[str, str]], after: Mapping[str, Mapping[str, str]]
) -> Iterator[RuntimeStep]:
    """Additions and changes, targets first; then deletions, the other way round. Maps not loaded are not told."""
    names = sorted((name for name in before if before[name] != after.get(name, {})), key=_map_rank)
    for name in names:
        yield from _make(name, before[name], after.get(name, {}))
    for name in reversed(names):
        yield from _break(name, before[name], after.get(name, {}))


def _make(name: str, old: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[RuntimeStep]:
    new = sorted((key, value) for key, value in wanted.items() if key not in old)
    changed = sorted((key, value) for key, value in wanted.items() if old.get(key, value) != value)
    if name.startswith(_SUFFIXES) and (new or changed):
        yield SwapMap(name, tuple(sorted({**old, **wanted}.items(), key=lambda entry: (-len(entry[0]), entry[0]))))
    elif (
        len(changed) > SWAP_ABOVE
    ):  # `set map` walks the whole map: a swap costs as much as some 150 of them at any size
        yield SwapMap(name, _entries({**old, **wanted}))
    elif new or changed:
        yield SetMapEntries(name, tuple(new), tuple(changed))


def _break(name: str, old: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[RuntimeStep]:
    gone = tuple(sorted(key for key in old if key not in wanted))
    if len(gone) > SWAP_ABOVE and 2 * len(gone) > len(wanted):
        yield SwapMap(name, _entries(wanted))
    elif gone:
        yield DeleteMapEntries(name, gone)


def _entries(content: Mapping[str, str]) -> Entries:
    return tuple(sorted(content.items()))


def _map_rank(name: str) -> tuple[int, str]:
    return (MAP_ORDER.index(name) if name in MAP_ORDER else -1), name
