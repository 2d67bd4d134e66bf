"""What distinguishes two Artifacts, as one JSON value of the size of the difference. Pure.

Everything but the order of certificate lines is said absolutely (what it is now), so saying it twice, or to something
that is newer already, ends in the same.
"""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from haloy.model.revised import differing
from haloy.proxies.haproxy.apply.as_json import (
    line_from_json,
    line_to_json,
    placement_from_json,
    placement_to_json,
    section_from_json,
    section_to_json,
    sections_from_json,
    structure_from_json,
    structure_to_json,
)
from haloy.proxies.haproxy.artifacts import Artifacts, CertificateLine, Fragment, Section
from haloy.proxies.haproxy.slots.layout import Layout, Placement

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Difference:
    """`value`: for the journal; empty, there is none. `fragments`, `pem`: names of those that changed or are new; `gone`: PEM files."""

    value: Mapping[str, Any]
    fragments: frozenset[str] = frozenset()
    pem: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


def difference(before: Artifacts, after: Artifacts, content: Callable[[str], str]) -> Difference:
    """`content`: PEM file name of `after` -> digest of what it holds. What is the same object is not looked into."""
    value: dict[str, Any] = {}
    if before is after:
        return Difference(value)
    sections, whole, clusters = _fragments(before, after)
    names = [fragment.filename for fragment in after.fragments]
    if [fragment.filename for fragment in before.fragments] != names:
        value["fragments"] = names
    pem, gone = _changed(before.pem_files, after.pem_files)
    maps = {
        name: list(_changed(before.maps.get(name, {}), entries))
        for name, entries in after.maps.items()
        if name not in before.maps or (before.maps[name] is not entries and before.maps[name] != entries)
    }
    files, lost = _changed(before.files, after.files)
    changed = {one.name: one for part in (sections, whole) for some in part.values() for one in some}
    found = {
        "revision": after.revision if before.revision != after.revision else None,
        "sections": {name: [section_to_json(one) for one in some] for name, some in sections.items()},
        "whole": {name: [section_to_json(one) for one in some] for name, some in whole.items()},
        "maps": maps | {name: None for name in before.maps if name not in after.maps},
        "pem": {path: [digest, content(path)] for path, digest in pem.items()} | dict.fromkeys(gone),
        "certificates": _lines(before.certificates, after.certificates),
        "files": {name: base64.b64encode(body).decode() for name, body in files.items()} | dict.fromkeys(lost),
        "layout": _layout(before.layout, after.layout, changed, clusters),
    }
    value |= {key: part for key, part in found.items() if part}
    if "revision" not in value and before.revision != after.revision:
        value["revision"] = after.revision
    return Difference(value, frozenset([*sections, *whole]), tuple(pem), tuple(gone))


Sections = dict[str, Sequence[Section]]


def _fragments(before: Artifacts, after: Artifacts) -> tuple[Sections, Sections, set[str]]:
    """Changed sections by file where their names are as before, else all of the file's; Clusters that changed ones hold or held."""
    sections: Sections = {}
    whole: Sections = {}
    clusters: set[str | None] = set()
    former = {fragment.filename: fragment for fragment in before.fragments}
    for fragment in after.fragments:
        old = former.pop(fragment.filename, None)
        if old is fragment or (old is not None and old.sections is fragment.sections):
            continue
        held = () if old is None else old.sections
        if len(held) == len(fragment.sections):
            pairs = zip(held, fragment.sections, strict=True)
            changed = [(one, other) for one, other in pairs if one is not other and one != other]
            clusters |= {one.cluster for pair in changed for one in pair}
            if old is not None and not changed:
                continue
            names = {section.name for section in fragment.sections}
            if len(names) == len(held) and all(one.name == other.name for one, other in changed) and changed:
                sections[fragment.filename] = [other for _, other in changed]
                continue
        whole[fragment.filename] = fragment.sections
        clusters |= {section.cluster for section in (*held, *fragment.sections)}
    clusters |= {section.cluster for fragment in former.values() for section in fragment.sections}
    return sections, whole, {name for name in clusters if name is not None}


def _changed(before: Mapping[str, V], after: Mapping[str, V]) -> tuple[dict[str, V], list[str]]:
    if before is after:
        return {}, []
    others = sorted(differing(before, after))
    return {key: after[key] for key in others if key in after}, [key for key in others if key not in after]


def _lines(before: tuple[CertificateLine, ...], after: tuple[CertificateLine, ...]) -> list[object]:
    """[start, how many of `before`, what comes for them], or, where only lines came and went between others,
    [[numbers of those that went], [[number in the result, line] ...]]. Empty: no difference."""
    if before is after or before == after:
        return []
    start = _common(before, after)
    end = _common(before[start:][::-1], after[start:][::-1])
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    stay = set(old) & set(new)
    single = len(set(old)) == len(old) and len(set(new)) == len(new)
    if single and [line for line in old if line in stay] == [line for line in new if line in stay]:
        went = [number for number, line in enumerate(old, start) if line not in stay]
        came = [[number, line_to_json(line)] for number, line in enumerate(new, start) if line not in stay]
        return [went, came]
    return [start, len(old), [line_to_json(line) for line in new]]


def _common(one: Iterable[CertificateLine], other: Iterable[CertificateLine]) -> int:
    count = 0
    for line, same in zip(one, other, strict=False):
        if line is not same and line != same:
            break
        count += 1
    return count


def _layout(
    before: Layout, after: Layout, sections: Mapping[str, Section], clusters: Iterable[str]
) -> dict[str, object]:
    """Places of all `clusters`, too, since what a section says of a Cluster is otherwise taken for its place."""
    placed, left = _changed(before.placements, after.placements)
    placed |= {name: after.placements[name] for name in clusters if name in after.placements}
    found: dict[str, object] = {
        "placed": {
            name: placement_to_json(one, sections[one.slot].servers if one.slot in sections else None)
            for name, one in placed.items()
        },
        "left": sorted({*left, *(name for name in clusters if name not in after.placements)}),
        "rests": sorted(after.resting - before.resting),
        "rested": sorted(before.resting - after.resting),
        "structure": structure_to_json(after) if before.structure != after.structure else None,
    }
    return {key: part for key, part in found.items() if part}


class Replay:
    """Artifacts to which differences are applied in order. `contents`: digest of the content by PEM file name.

    Raises ValueError, KeyError, TypeError or IndexError for a difference that cannot follow. `newer`: some of it may be
    newer than the first difference (a flush was interrupted).
    """

    def __init__(self, base: Artifacts, contents: Mapping[str, str], *, newer: bool = False) -> None:
        self._base = base
        self._newer = newer
        self._names = [fragment.filename for fragment in base.fragments]
        self._sections = {
            fragment.filename: {section.name: section for section in fragment.sections} for fragment in base.fragments
        }
        self._whole = {fragment.filename: fragment.sections for fragment in base.fragments}
        self._touched: set[str] = set()
        self._maps = {name: dict(entries) for name, entries in base.maps.items()}
        self._files = dict(base.files)
        self._pem = dict(base.pem_files)
        self._contents = dict(contents)
        self._lines = list(base.certificates)
        self._layout = base.layout
        self._placements: dict[str, Placement] = dict(base.layout.placements)
        self._resting = set(base.layout.resting)
        self._revision = base.revision

    def take(self, value: Mapping[str, Any], *, lines: bool = True) -> None:
        """`lines`: whether the certificate lines are older than this difference."""
        self._names = [str(name) for name in value.get("fragments", self._names)]
        changed = {}
        for filename, some in value.get("sections", {}).items():
            held = self._sections.get(filename, {})
            for section in map(section_from_json, some):
                changed[section.name] = section
                if section.name in held:
                    held[section.name] = section
                    self._touched.add(filename)
                elif not self._newer:
                    raise ValueError(f"{filename} has no section {section.name}")
        for filename, some in value.get("whole", {}).items():
            self._whole[filename] = sections_from_json(some)
            self._sections[filename] = {section.name: section for section in self._whole[filename]}
            self._touched.discard(filename)
            changed |= self._sections[filename]
        self._take_data(value)
        if lines and "certificates" in value:
            self._take_lines(value["certificates"])
        if "layout" in value:
            self._take_layout(value["layout"], changed)
        self._revision = str(value.get("revision", self._revision))

    def _take_data(self, value: Mapping[str, Any]) -> None:
        for name, change in value.get("maps", {}).items():
            if change is None:
                self._maps.pop(name, None)
                continue
            entries, gone = change
            held = self._maps.setdefault(name, {})
            held.update(entries)
            for key in gone:
                held.pop(key, None)
        for name, body in value.get("files", {}).items():
            if body is None:
                self._files.pop(name, None)
            else:
                self._files[name] = base64.b64decode(body)
        for path, change in value.get("pem", {}).items():
            if change is None:
                self._pem.pop(path, None)
                self._contents.pop(path, None)
            else:
                self._pem[path], self._contents[path] = map(str, change)

    def _take_lines(self, change: Any) -> None:
        if len(change) == 3:
            start, count, lines = change
            self._lines[start : start + count] = map(line_from_json, lines)
            return
        went, came = change
        for number in reversed(went):
            del self._lines[number]
        for number, line in came:
            self._lines.insert(number, line_from_json(line))

    def _take_layout(self, change: Any, sections: Mapping[str, Section]) -> None:
        if "structure" in change:
            self._layout = structure_from_json(change["structure"])
        for name, placement in change.get("placed", {}).items():
            self._placements[name] = placement_from_json(placement, sections)
        for name in change.get("left", ()):
            self._placements.pop(name, None)
        self._resting |= set(change.get("rests", ()))
        self._resting -= set(change.get("rested", ()))

    @property
    def contents(self) -> Mapping[str, str]:
        return self._contents

    @property
    def artifacts(self) -> Artifacts:
        """As of now."""
        return Artifacts(
            revision=self._revision,
            fragments=tuple(
                Fragment(name, tuple(self._sections[name].values()) if name in self._touched else self._whole[name])
                for name in self._names
            ),
            maps=self._maps,
            files=self._files,
            pem_files=self._pem,
            certificates=tuple(self._lines),
            layout=replace(self._layout, placements=self._placements, resting=frozenset(self._resting)),
        )
