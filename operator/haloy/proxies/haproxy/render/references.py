"""What an entry of a map leads to: what must be there before the entry may be. Pure.

A change that must wait for a reload must not put an entry that leads to something which is not there yet.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import assert_never

from haloy.proxies.haproxy.render import maps
from haloy.proxies.haproxy.render.programs.select import arguments
from haloy.proxies.haproxy.render.programs.words import part_names, words
from haloy.proxies.haproxy.render.rules import MORE, PROGRAM, RECORD_DIGITS, TIME_ENDINGS, TIMES
from haloy.proxies.haproxy.slots.layout import Layout, profile_of

CHAIN = "?"
WEIGHT_SET = "%"


class Compiled(Enum):
    """What is no entry but part of the configuration."""

    EXPRESSION = "expression"
    SLOT = "slot"


@dataclass(frozen=True, slots=True)
class Reference:
    """`place`: the map that must have the entry `key`, or what must be compiled under the name `key`.

    An EXPRESSION is needed for the virtual host that a path key leads there from.
    """

    place: str | Compiled
    key: str


def leads_to(map_name: str, key: str, entries: Mapping[str, Mapping[str, str]]) -> tuple[Reference, ...]:
    """What an entry refers to itself. `entries`: map by map, with that one in them.

    Of time-outs one entry may be enough: the key is the rule's id there, without an ending (`unmet` knows).
    """
    value = entries[map_name][key]
    match map_name:
        case maps.PATHS:
            return _rule(value)
        case maps.RULES:
            return tuple(_record(value))
        case maps.PROGRAMS:
            return tuple(_program(key, entries[map_name]))
        case maps.WEIGHTS:
            return tuple(_weights(key, value))
        case maps.CLUSTERS if profile_of(value) is not None:
            return (Reference(Compiled.SLOT, value),)
        case _:
            return ()


def unmet(map_name: str, key: str, entries: Mapping[str, Mapping[str, str]], layout: Layout) -> Reference | None:
    """The first thing missing of all that an entry leads to, however far; None: requests may go there.

    `entries`: map by map what HAProxy will have, with that entry. `layout`: what is compiled.
    """
    host = maps.virtual_host_of(key) if map_name == maps.PATHS else None
    seen: set[Reference] = set()
    waiting = [*leads_to(map_name, key, entries)]
    while waiting:
        reference = waiting.pop()
        if reference in seen:
            continue
        seen.add(reference)
        match reference.place:
            case Compiled():
                if not _compiled(reference, host, layout):
                    return reference
            case maps.TIMEOUTS:
                if not any(reference.key + ending in entries.get(maps.TIMEOUTS, {}) for ending in TIME_ENDINGS):
                    return reference
            case str() as name:
                if reference.key not in entries.get(name, {}):
                    return reference
                if not (name == maps.PROGRAMS and _parts_missing(reference.key, entries[name])):
                    waiting += leads_to(name, reference.key, entries)
                else:
                    return reference
            case _:
                assert_never(reference.place)
    return None


def _compiled(reference: Reference, host: str | None, layout: Layout) -> bool:
    match reference.place:
        case Compiled.EXPRESSION:
            return any(one.id == reference.key and host in (None, one.virtual_host) for one in layout.expressions)
        case Compiled.SLOT:
            profile = profile_of(reference.key) or ""
            return int(reference.key.rpartition(".")[2]) < layout.slots.get(profile, 0)
        case _:
            raise AssertionError(reference.place)


def _rule(name: str) -> tuple[Reference, ...]:
    if name.startswith(CHAIN):
        return (Reference(maps.PROGRAMS, name),)
    return (Reference(maps.RULES, name),)


def _record(value: str) -> Iterator[Reference]:
    if value.startswith(MORE):
        name, *_, value = value.split(":")
        flags = name[1:-RECORD_DIGITS]
        if PROGRAM in flags:
            yield Reference(maps.PROGRAMS, name)
        if TIMES in flags:
            yield Reference(maps.TIMEOUTS, name)
    yield from _destination(value)


def _destination(value: str) -> Iterator[Reference]:
    """Sections of haloy's own are always there; their names hold no `/`."""
    if value.startswith(WEIGHT_SET):
        yield Reference(maps.WEIGHTS, value)
    elif "/" in value:
        yield Reference(maps.CLUSTERS, value)


def _weights(key: str, value: str) -> Iterator[Reference]:
    """`%ID` is the total and leads to all its draws."""
    if "." in key or "@" in key:
        yield from _destination(value)
    else:
        yield from (Reference(maps.WEIGHTS, f"{key}.{number}") for number in range(int(value)))


def _parts_missing(key: str, programs: Mapping[str, str]) -> bool:
    return "." not in key and any(part not in programs for part in part_names(key, programs[key]))


def _program(key: str, programs: Mapping[str, str]) -> Iterator[Reference]:
    """Parts of a program refer to nothing: the first entry stands for all of it."""
    if "." in key:
        return
    yield from (Reference(maps.PROGRAMS, part) for part in part_names(key, programs[key]))
    if _parts_missing(key, programs):
        return
    if not key.startswith(CHAIN):
        return
    for word, belonging in arguments(words(key, programs)):
        if word == "rule":
            yield Reference(maps.RULES, belonging[0])
        elif word == "fits":
            yield Reference(Compiled.EXPRESSION, belonging[0])
