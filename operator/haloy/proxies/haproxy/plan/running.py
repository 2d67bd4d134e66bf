"""What one HAProxy does now, as a value that can be compared with what is wanted."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from haloy.proxies.haproxy.artifacts import Artifacts, Fragment, Section, Server
from haloy.proxies.haproxy.plan.steps import (
    DrainServer,
    DropCertificate,
    NewCertificate,
    ReplaceCertificate,
    RestoreServer,
    RestSlot,
    RetireMapEntries,
    Step,
)
from haloy.proxies.haproxy.runtime.cli_commands import COMMAND_LIMIT
from haloy.proxies.haproxy.slots.layout import profile_of

CRT_LIST = "certs/list.crt-list"
CA_FOLDER = "ca/"

_BUFFER = re.compile(r"^\s*tune\.bufsize (\d+)$", re.MULTILINE)
_DEFAULT_BUFFER = 16_384

ServerKey = tuple[str, str]
"""(section name, server name)."""

Maps = Mapping[str, Mapping[str, str]]
"""Map name -> key -> value."""


@dataclass(frozen=True, slots=True)
class Running:
    """`artifacts` is what the process does now: sections as they were loaded; servers, weights, states, maps, digests and
    certificate lines as they are live. Maps and PEM files that HAProxy has not loaded are absent from it; `resting` of its
    layout is the truth about slots that were left.

    `leaving`: servers that are not part of `artifacts` and are still to be deleted: in maintenance, or in a slot that rests.
    `retired`: entries of maps that are not part of `artifacts` and are still to be deleted: nothing leads to them.
    `unused`: PEM files, with their digests, that are not part of `artifacts` and are still to be dropped: at most servers that
    are `leaving` need them.
    `crt_list`: whether the crt-list is loaded at all (it is not without a TLS listener).
    `drift`: sentences about what nobody ordered and only a reload puts right.
    """

    artifacts: Artifacts
    leaving: Mapping[ServerKey, Server] = field(default_factory=dict)
    crt_list: bool = True
    drift: tuple[str, ...] = ()
    retired: Maps = field(default_factory=dict)
    unused: Mapping[str, str] = field(default_factory=dict)

    def with_resting(self, resting: frozenset[str]) -> "Running":
        """The same with other slots at rest."""
        layout = replace(self.artifacts.layout, resting=resting)
        return replace(self, artifacts=replace(self.artifacts, layout=layout))


def is_free(section: Section) -> bool:
    """A slot without a Cluster."""
    return section.cluster is None and profile_of(section.name) is not None


def sections(artifacts: Artifacts) -> dict[str, Section]:
    """Every section by name, in the order of the files. Costs what all of them cost: see `differences`."""
    return {section.name: section for fragment in artifacts.fragments for section in fragment.sections}


def section_of(artifacts: Artifacts, name: str) -> Section | None:
    """One section by name."""
    return next(
        (section for fragment in artifacts.fragments for section in fragment.sections if section.name == name), None
    )


def differences(before: Artifacts, after: Artifacts) -> list[tuple[Section | None, Section | None]]:
    """Sections that are not the same object in both, by name, in the order of `after`; None: there is none of that name.

    What is the same object costs nothing but a look; whole files of them not even that.
    """
    olds: dict[str, Fragment] = {fragment.filename: fragment for fragment in before.fragments}
    gone: dict[str, Section] = {}
    come: dict[str, Section] = {}
    for fragment in after.fragments:
        old = olds.pop(fragment.filename, None)
        if old is fragment or (old is not None and old.sections is fragment.sections):
            continue
        for one, other in _unlike(() if old is None else old.sections, fragment.sections):
            gone.update((section.name, section) for section in one)
            come.update((section.name, section) for section in other)
    for fragment in olds.values():
        gone.update((section.name, section) for section in fragment.sections)
    pairs: list[tuple[Section | None, Section | None]] = []
    for name, section in come.items():
        before_it = gone.pop(name, None)
        if before_it is not section:
            pairs.append((before_it, section))
    return [*pairs, *((section, None) for section in gone.values())]


def _unlike(
    before: tuple[Section, ...], after: tuple[Section, ...]
) -> Iterator[tuple[tuple[Section, ...], tuple[Section, ...]]]:
    if len(before) == len(after):
        yield from (((old,), (new,)) for old, new in zip(before, after, strict=True) if old is not new)
    else:
        same = {id(section) for section in before} & {id(section) for section in after}
        yield (
            tuple(section for section in before if id(section) not in same),
            tuple(section for section in after if id(section) not in same),
        )


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

    Servers, entries and PEM files that wait to be deleted are `leaving`, `retired` and `unused`: whoever deletes them says so. Costs what the
    steps cost, not what there is.
    """
    steps = tuple(steps)
    names = {step.section for step in steps if isinstance(step, DrainServer | RestSlot)}
    held = {
        section.name: section
        for fragment in (running.artifacts.fragments if names else ())
        for section in fragment.sections
        if section.name in names
    }
    leaving = dict(running.leaving)
    resting = set(running.artifacts.layout.resting)
    retired = {name: dict(entries) for name, entries in running.retired.items()}
    loaded, unused = set(running.artifacts.pem_files), dict(running.unused)
    for step in steps:
        match step:
            case NewCertificate(path, _) | ReplaceCertificate(path, _):
                loaded.add(path)
                unused.pop(path, None)
            case DropCertificate(path):
                unused[path] = running.artifacts.pem_files[path]
            case DrainServer(section, name):
                leaving[section, name] = next(one for one in held[section].servers if one.name == name)
            case RestSlot(section, _):
                leaving.update(((section, one.name), one) for one in held[section].servers)
                resting.add(section)
            case RestoreServer(section, server):
                leaving.pop((section, server.name), None)
            case RetireMapEntries(name, keys):
                entries = running.artifacts.maps[name]
                retired.setdefault(name, {}).update((key, entries[key]) for key in keys)
            case _:
                pass
    for name, waiting in retired.items():
        content = wanted.maps.get(name, {})
        retired[name] = {key: value for key, value in waiting.items() if key not in content}
    live = replace(
        wanted,
        maps={name: wanted.maps.get(name, {}) for name in running.artifacts.maps},
        pem_files=wanted.pem_files
        if loaded >= wanted.pem_files.keys()
        else {path: digest for path, digest in wanted.pem_files.items() if path in loaded},
        layout=replace(wanted.layout, resting=frozenset(resting)),
    )
    retired = {name: entries for name, entries in retired.items() if entries}
    return replace(running, artifacts=live, leaving=leaving, retired=retired, unused=unused)
