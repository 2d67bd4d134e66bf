"""Whose change is not live while a reload is waited for. Pure."""

from collections.abc import Iterator, Mapping

from haloy.model.refs import ObjectRef
from haloy.model.revised import differing
from haloy.proxies.base import ReloadCause, ReloadReason
from haloy.proxies.haproxy.artifacts import Artifacts
from haloy.proxies.haproxy.plan.held_back import rules_of
from haloy.proxies.haproxy.plan.reasons import objects_behind, rule_of, secret_of
from haloy.proxies.haproxy.render import maps
from haloy.proxies.haproxy.render.references import CHAIN
from haloy.proxies.haproxy.slots.layout import profile_of

_NOBODYS = frozenset({ReloadCause.SETTINGS_CHANGED, ReloadCause.POOL_REFILL, ReloadCause.REQUESTED})
"""Causes behind which no object stands when they name none."""


def waiting(live: Artifacts, wanted: Artifacts, reasons: tuple[ReloadReason, ...]) -> tuple[ObjectRef, ...] | None:
    """The objects of which `wanted` says something that `live` does not do, or that a reason names; None: any may be one.

    It may name too many, never too few: an object that is not named is live with all that it says.
    """
    sources = {reason.source for reason in reasons if reason.cause not in _NOBODYS or reason.source is not None}
    clusters = set(_clusters(live, wanted))
    found = {*sources, *_backends(wanted, clusters), *_of_maps(live, wanted), *_of_pem(live, wanted)}
    return None if None in found else tuple(sorted(ref for ref in found if ref is not None))


def _clusters(live: Artifacts, wanted: Artifacts) -> Iterator[str]:
    """Those that have another profile than they want, or other servers, or no place, or are checked otherwise."""
    there = live.layout.placements
    for name in differing(there, wanted.layout.placements):
        placement, held = wanted.layout.placements.get(name), there.get(name)
        if placement is None:
            continue
        if held is None or profile_of(held.slot) != profile_of(placement.slot) or held.servers != placement.servers:
            yield name
    checks = (maps.CHECK_PATHS, maps.CHECK_HOSTS)
    slots = {slot for name in checks for slot in _behind(live.maps.get(name, {}), wanted.maps.get(name, {}))}
    if slots:
        yield from (name for name, placement in wanted.layout.placements.items() if placement.slot in slots)


def _backends(wanted: Artifacts, clusters: set[str]) -> Iterator[ObjectRef | None]:
    if clusters:
        for fragment in wanted.fragments:
            yield from (section.source for section in fragment.sections if section.cluster in clusters)


def _behind(live: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """The keys of `wanted` that `live` has otherwise or not at all. What is there beside them leads nowhere."""
    return [key for key in differing(live, wanted) if key in wanted]


def _of_maps(live: Artifacts, wanted: Artifacts) -> Iterator[ObjectRef | None]:
    """The Routes of entries."""
    before, after = live.maps, wanted.maps
    for key in differing(before.get(maps.PATHS, {}), after.get(maps.PATHS, {})):
        yield from _routes(key, live)
        yield from _routes(key, wanted)
    for name in (maps.RULES, maps.TIMEOUTS):
        yield from (rule_of(key) for key in _behind(before.get(name, {}), after.get(name, {})))
    hosts = set(_behind(before.get(maps.HSTS, {}), after.get(maps.HSTS, {})))
    for name, content in after.items():
        if name in maps.ENTRY_MAPS and name not in (maps.PATHS, maps.HSTS):
            hosts.update(content[key] for key in _behind(before.get(name, {}), content))
    yield from _of_hosts(hosts, wanted)


def _routes(key: str, artifacts: Artifacts) -> Iterator[ObjectRef | None]:
    """Of one path. Haloy's own rules are nobody's; without Lua, whose conditions decide stands in the configuration."""
    if "/" not in key:
        return
    for rule in rules_of(key, artifacts.maps.get(maps.PATHS, {}), artifacts.maps):
        yield from objects_behind(artifacts, rule) if rule.startswith(CHAIN) else (rule_of(rule),)


def _of_hosts(hosts: set[str], wanted: Artifacts) -> Iterator[ObjectRef | None]:
    """The Routes of these virtual hosts, by their ids; None if one of them has no path of its own (a redirect)."""
    if not hosts:
        return
    keys = [key for key in wanted.maps.get(maps.PATHS, {}) if maps.virtual_host_of(key) in hosts]
    for key in keys:
        yield from _routes(key, wanted)
    if hosts - {maps.virtual_host_of(key) for key in keys}:
        yield None


def _of_pem(live: Artifacts, wanted: Artifacts) -> Iterator[ObjectRef | None]:
    """The Secrets of files that are not loaded as wanted, and the Routes of the hosts that they are for."""
    paths = set(_behind(live.pem_files, wanted.pem_files))
    lines = [] if live.certificates is wanted.certificates else set(wanted.certificates) - set(live.certificates)
    paths.update(line.path for line in lines)
    yield from (ref for ref in map(secret_of, paths) if ref is not None)
    ids = {one for line in wanted.certificates if line.path in paths for one in line.filters}
    hosts = {maps.virtual_host_of(key) for key in wanted.maps.get(maps.PATHS, {})} if ids else set()
    yield from _of_hosts({f"*{one}" if f"*{one}" in hosts else one for one in ids}, wanted)
