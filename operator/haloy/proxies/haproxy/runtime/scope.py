"""What of HAProxy is read back: everything, or just what steps have changed. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby

from haloy.proxies.haproxy.artifacts import Artifacts, Fragment
from haloy.proxies.haproxy.plan.steps import (
    AddCertificateLine,
    AddServer,
    DeleteMapEntries,
    DrainServer,
    DropCertificate,
    NewCertificate,
    RemoveCertificateLine,
    RemoveServer,
    ReplaceCertificate,
    RestoreServer,
    RestSlot,
    RetireMapEntries,
    RuntimeStep,
    SetMapEntries,
    SetState,
    SetWeight,
    SwapMap,
)
from haloy.proxies.haproxy.render.maps import WEIGHTS
from haloy.proxies.haproxy.render.weights import weight_set

ONE_BY_ONE = 60
"""Entries of one map up to which each is asked for; beyond, the whole map is read."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is read: maps (None: all), of each its keys (None: all of them), sections, PEM files (None: all), and whether the
    crt-list is."""

    maps: Mapping[str, frozenset[str] | None] | None = None
    sections: frozenset[str] | None = None
    pem: frozenset[str] | None = None
    lines: bool = True

    def narrowed(self, artifacts: Artifacts) -> Artifacts:
        """What of `artifacts` is in this scope."""
        sections, maps, pem = self.sections, self.maps, self.pem
        found = (
            section
            for fragment in (artifacts.fragments if sections else ())
            for section in fragment.sections
            if sections is not None and section.name in sections
        )
        held = {}
        for name, keys in (maps or {}).items():
            content = artifacts.maps.get(name, {})
            held[name] = content if keys is None else {key: content[key] for key in keys if key in content}
        return replace(
            artifacts,
            fragments=artifacts.fragments if sections is None else (Fragment("", tuple(found)),),
            maps=artifacts.maps if maps is None else held,
            pem_files=artifacts.pem_files
            if pem is None
            else {path: artifacts.pem_files[path] for path in pem if path in artifacts.pem_files},
        )


EVERYTHING = Scope()


def touched(steps: Iterable[RuntimeStep]) -> Scope:
    """What `steps` change at once."""
    maps: dict[str, set[str] | None] = {}
    names, pem, lines = set(), set(), False
    for step in steps:
        match step:
            case SetMapEntries(name, new, changed):
                come = [key for key, _ in new]
                _add(maps, name, _ends(come) if name == WEIGHTS else come)
                _add(maps, name, [key for key, _ in changed])
            case DeleteMapEntries(name, keys):
                _add(maps, name, keys)
            case SwapMap(name):
                maps[name] = None
            case AddServer() | RestoreServer() | SetWeight() | SetState() | DrainServer() | RemoveServer():
                names.add(step.section)
            case NewCertificate() | ReplaceCertificate():
                pem.add(step.path)
            case AddCertificateLine() | RemoveCertificateLine():
                lines = True
            case RestSlot() | RetireMapEntries() | DropCertificate():
                pass
    chosen = {name: None if keys is None or len(keys) > ONE_BY_ONE else frozenset(keys) for name, keys in maps.items()}
    return Scope(chosen, frozenset(names), frozenset(pem), lines)


def _ends(keys: list[str]) -> Iterator[str]:
    """Of each weight set its total and the last of its draws: HAProxy adds entries in order and stops at one that fails."""
    for _, some in groupby(keys, weight_set):
        members = list(some)
        yield from {members[0], members[-1]}


def _add(maps: dict[str, set[str] | None], name: str, keys: Iterable[str]) -> None:
    held = maps.setdefault(name, set())
    if held is not None:
        held.update(keys)
