"""Differences between maps, as steps: targets before what leads to them, and away after it. Pure."""

from collections.abc import Iterator, Mapping

from haloy.model.revised import differing
from haloy.proxies.base import ReloadCause, ReloadReason
from haloy.proxies.haproxy.plan.reasons import rule_of
from haloy.proxies.haproxy.plan.running import Maps, Running
from haloy.proxies.haproxy.plan.steps import (
    DeleteMapEntries,
    Entries,
    RetireMapEntries,
    RuntimeStep,
    SetMapEntries,
    SwapMap,
)
from haloy.proxies.haproxy.render.maps import CHECK_HOSTS, CHECK_PATHS, MAP_ORDER, TARGET_MAPS
from haloy.proxies.haproxy.runtime.cli_commands import escape

SWAP_ABOVE = 100
"""Changed or deleted entries of one map from which on the whole map may be swapped instead."""

_SUFFIXES = "maps/suffixes."
"""Maps that are searched in their own order: the longest key must come first, and `add map` can only append."""

CHECK_MAPS = (CHECK_PATHS, CHECK_HOSTS)
"""What checks ask for, by slot: there before the servers are, and there as long as they are."""

ENTRY_WORDS = 64
"""Bytes of a command about one map entry that are neither the map's name nor the entry."""


class MapDifference:
    """What differs in one map. `old`: what is in it, entries that wait to be deleted included. `gone`: keys to be deleted."""

    __slots__ = ("changed", "gone", "name", "new", "old", "wanted")

    def __init__(self, name: str, running: Running, wanted: Mapping[str, str]) -> None:
        present, retired = running.artifacts.maps[name], running.retired.get(name, {})
        self.name, self.wanted = name, wanted
        self.old = {**retired, **present} if retired else present
        self.new: list[tuple[str, str]] = []
        self.changed: list[tuple[str, str]] = []
        others = differing(present, wanted)
        for key in others:
            value, held = wanted.get(key), self.old.get(key)
            if value is None:
                continue
            if held is None:
                self.new.append((key, value))
            elif held != value:
                self.changed.append((key, value))
        self.new.sort()
        self.changed.sort()
        self.gone = tuple(sorted(key for key in others if key not in wanted))


def map_differences(running: Running, wanted: Maps) -> list[MapDifference]:
    """In the order of the maps, targets first. Maps that are not loaded are not told."""
    names = sorted(
        (
            name
            for name, content in running.artifacts.maps.items()
            if content is not wanted.get(name) and content != wanted.get(name, {})
        ),
        key=_map_rank,
    )
    return [MapDifference(name, running, wanted.get(name, {})) for name in names]


def entry_fits(name: str, key: str, value: str, limit: int | None) -> bool:
    """Whether one command carries this entry, with `limit` bytes. One that is swapped in needs the same room."""
    return (
        limit is None
        or 4 * (len(key) + len(value)) <= limit - ENTRY_WORDS - len(name)
        or _size(key, value) <= _room(name, limit)
    )


def entries_too_large(maps: list[MapDifference], limit: int | None) -> Iterator[ReloadReason]:
    """Those that no command can carry, with the Route where the key says it."""
    if limit is None:
        return
    for one in maps:
        for key, value in (*one.new, *one.changed):
            if entry_fits(one.name, key, value, limit):
                continue
            size, room = _size(key, value), _room(one.name, limit)
            detail = f"the entry {key[:60]!r} of {one.name} has {size} bytes, the Runtime API takes {room}"
            yield ReloadReason(ReloadCause.ENTRY_TOO_LARGE, rule_of(key), detail)


def _room(name: str, limit: int) -> int:
    return limit - ENTRY_WORDS - len(name)


def _size(key: str, value: str) -> int:
    """As words of a command, escaped, or as a line of a payload: whatever is longer."""
    return max(len(f"{key} {value}".encode("utf-8", "surrogateescape")), _said(key) + _said(value) + 1)


def _said(word: str) -> int:
    return len(escape(word).encode("utf-8", "surrogateescape"))


def made(maps: list[MapDifference]) -> Iterator[RuntimeStep]:
    """Additions and changes, targets first."""
    for one in maps:
        if one.name.startswith(_SUFFIXES) and (one.new or one.changed):
            content = sorted({**one.old, **one.wanted}.items(), key=lambda entry: (-len(entry[0]), entry[0]))
            yield SwapMap(one.name, tuple(content))
        elif len(one.changed) > SWAP_ABOVE:
            # `set map` walks the whole map: a swap costs as much as some 150 of them at any size
            yield SwapMap(one.name, _entries({**one.old, **one.wanted}))
        elif one.new or one.changed:
            yield SetMapEntries(one.name, tuple(one.new), tuple(one.changed))


def broken(maps: list[MapDifference]) -> Iterator[RuntimeStep]:
    """Deletions, the other way round; what requests under way may still lead to only later."""
    for one in reversed(maps):
        if one.name in TARGET_MAPS:
            if one.gone:
                yield RetireMapEntries(one.name, one.gone)
        elif len(one.gone) > SWAP_ABOVE and 2 * len(one.gone) > len(one.wanted):
            yield SwapMap(one.name, _entries(one.wanted))
        elif one.gone:
            yield DeleteMapEntries(one.name, one.gone)


def _entries(content: Mapping[str, str]) -> Entries:
    return tuple(sorted(content.items()))


def _map_rank(name: str) -> tuple[int, str]:
    return (MAP_ORDER.index(name) if name in MAP_ORDER else -1), name
