"""The part of a rendered configuration that comes from one object."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from haloy.cli.programs import program_of, texts
from haloy.model.refs import ObjectRef
from haloy.proxies.haproxy.render import maps
from haloy.proxies.haproxy.render.source_map import source_map
from haloy.proxies.haproxy.render.weights import weight_set

if TYPE_CHECKING:
    from haloy.cli.configuration import Configuration

Keys = Mapping[str, Collection[str]]
"""By map the keys of entries."""

_RECORD = re.compile(r"(![a-z]*[0-9a-f]+):")
_WEIGHTS = re.compile(r"%[0-9a-f]+")
_CHAIN = re.compile(r" (\?[0-9a-f]+) \}")


def excerpt(configuration: "Configuration", ref: ObjectRef) -> tuple[dict[str, bytes], dict[str, dict[str, str]]]:
    """What `ref` is responsible for. First of each configuration file its lines, under the heading of their section; then of
    each map the entries that lead to it and that say more of it. Files and maps without any are left out."""
    sources = _sources(configuration, ref)
    numbers: dict[str, set[int]] = {}
    for line in source_map(configuration.files):
        if line.source.ref in sources:
            numbers.setdefault(line.filename, set()).add(line.number)
    texts = {name: configuration.files[name].decode("utf-8", "replace").split("\n") for name in numbers}
    lines = {name: list(_with_headings(texts[name], numbers[name])) for name in configuration.files if name in numbers}
    found: Keys = {}
    held = configuration.artifacts.maps
    if ref.kind == "Route":
        compiled = {chain for some in lines.values() for line in some for chain in _CHAIN.findall(line)}
        found = _of_route(held, ref, compiled)
    else:
        names = {cluster.name for cluster in configuration.model.clusters if cluster.source in sources}
        found = _of_clusters(held, names, {configuration.artifacts.layout.placements[name].slot for name in names})
    entries = {
        name: {key: value for key, value in held[name].items() if key in keys} for name, keys in found.items() if keys
    }
    return {name: "".join(f"{line}\n" for line in some).encode() for name, some in lines.items() if some}, entries


def _sources(configuration: "Configuration", ref: ObjectRef) -> set[ObjectRef]:
    """`ref`, and for a HealthPolicy the Backends that it checks: their slots are as it says."""
    if ref.kind != "HealthPolicy":
        return {ref}
    clusters = configuration.model.clusters
    return {ref} | {one.source for one in clusters if one.health_check is not None and one.health_check.source == ref}


def _of_route(held: Mapping[str, Mapping[str, str]], ref: ObjectRef, compiled: Collection[str]) -> dict[str, set[str]]:
    """Path keys → (programs of conditions →) rules → programs of filters, time-outs, weight sets."""
    mine = f"{ref.key}:"
    rules = {key: value for key, value in held.get(maps.RULES, {}).items() if key.startswith(mine)}
    records = {record[1] for value in rules.values() if (record := _RECORD.match(value)) is not None}
    weights = {found for value in rules.values() for found in _WEIGHTS.findall(value)}
    leads_here = re.compile(rf"(?:^| )rule {re.escape(mine)}")
    programs = held.get(maps.PROGRAMS, {})
    chains = {name for name, text in texts(programs).items() if name.startswith("?") and leads_here.search(text)}
    chains.update(compiled)
    return {
        maps.WEIGHTS: {key for key in held.get(maps.WEIGHTS, {}) if weight_set(key) in weights},
        maps.PROGRAMS: {key for key in programs if program_of(key) in chains | records},
        maps.TIMEOUTS: {key for key in held.get(maps.TIMEOUTS, {}) if key.partition(".")[0] in records},
        maps.RULES: set(rules),
        maps.PATHS: {
            key for key, value in held.get(maps.PATHS, {}).items() if value.startswith(mine) or value in chains
        },
    }


def _of_clusters(
    held: Mapping[str, Mapping[str, str]], names: Collection[str], slots: Collection[str]
) -> dict[str, set[str]]:
    """What leads to the Clusters (rules, weight sets), and what belongs to their slots."""
    known = {*names, *slots}
    return {
        name: {
            key
            for key, value in entries.items()
            if key in known or value in known or (name == maps.RULES and value.rpartition(":")[2] in names)
        }
        for name, entries in held.items()
        if name != maps.PROGRAMS
    }


def _with_headings(lines: list[str], numbers: Collection[int]) -> Iterator[str]:
    heading = ""
    for number, line in enumerate(lines, start=1):
        is_heading = bool(line) and not line.startswith((" ", "#"))
        if is_heading:
            heading = line
        if number in numbers:
            if heading and line.startswith(" "):
                yield heading
            heading = "" if is_heading or line.startswith(" ") else heading
            yield line
