"""The record of a generation: its Artifacts as JSON beside the configuration, so that a haloy that comes up later knows
what each section and server was made from.

It lies in `record/`, which HAProxy does not read: one file per configuration file, the list of certificates, the PEM files,
the other files, and what the sections do not say of the Clusters' places. `index.json` names them with their digests and is
written last; the journal says what changed since. Maps and files are not repeated: they are read back from the generation
itself, and are what they were when the index was written.

`next.json` is the index to come while files are being replaced: until it has become `index.json`, each file may be the old
or the new one, and the journal leads from both to the same.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from haloy.proxies.haproxy.apply.as_json import (
    line_from_json,
    line_to_json,
    opened,
    placement_from_json,
    placement_to_json,
    sealed,
    section_to_json,
    sections_from_json,
    structure_from_json,
    structure_to_json,
)
from haloy.proxies.haproxy.apply.difference import Replay
from haloy.proxies.haproxy.apply.generations import Generation, digest_of
from haloy.proxies.haproxy.apply.journal import JOURNAL, SEQUENCE, read_journal
from haloy.proxies.haproxy.artifacts import Artifacts, Fragment, Section
from haloy.proxies.haproxy.slots.layout import Layout, Placement

INDEX = "record/index.json"
NEXT = "record/next.json"
CERTIFICATES = "record/certificates.json"
PEM = "record/pem.json"
FILES = "record/files.json"
PLACES = "record/places.json"

UNKNOWN_DIGEST = "unknown"
"""Begins what stands for a Material that nobody can tell any more; equal to no digest."""

_FORMAT = 2


class RecordError(Exception):
    """The record is missing or damaged, or is that of a haloy that kept another one."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a generation was last meant to be. `contents`: digest of the content of each PEM file, as meant.

    `last`: number of the last change; `size`: bytes of the journal that count. `note`: a sentence about what of the journal
    does not count, else "".
    """

    artifacts: Artifacts
    contents: Mapping[str, str]
    last: int
    size: int
    note: str = ""


class RecordWriter:
    """Turns Artifacts into record files; remembers the last text per fragment, since most do not change."""

    def __init__(self) -> None:
        self._fragments: dict[str, tuple[Fragment, bytes]] = {}

    def files(
        self, artifacts: Artifacts, contents: Mapping[str, str], maps: Mapping[str, str], last: int = 0
    ) -> dict[str, bytes]:
        """Record files by name, the index last. `contents`: PEM file name -> digest of its content; `maps`: file name ->
        digest of what lies there. `last`: number of the last change that is in it."""
        fragments: dict[str, tuple[Fragment, bytes]] = {}
        for fragment in artifacts.fragments:
            known = self._fragments.get(fragment.filename)
            if known is None or known[0] != fragment:
                known = fragment, _dump([section_to_json(section) for section in fragment.sections])
            fragments[fragment.filename] = known
        self._fragments = fragments
        files = {_record_name(name): content for name, (_, content) in fragments.items()}
        files[CERTIFICATES] = _dump([last, [line_to_json(line) for line in artifacts.certificates]])
        files[PEM] = _dump({path: [digest, contents[path]] for path, digest in artifacts.pem_files.items()})
        files[FILES] = _dump({name: digest_of(content) for name, content in artifacts.files.items()})
        files[PLACES] = _dump(_places(artifacts))
        files[INDEX] = sealed(
            {
                "format": _FORMAT,
                SEQUENCE: last,
                "revision": artifacts.revision,
                "fragments": [fragment.filename for fragment in artifacts.fragments],
                "maps": dict(maps),
                "record": {name: digest_of(content) for name, content in files.items()},
                "layout": structure_to_json(artifacts.layout),
            }
        )
        return files


def read_record(generation: Generation) -> Artifacts:
    """The Artifacts that `generation` was last meant to be: the record and its journal.

    A PEM file whose content is not the one recorded gets `unknown:` and a digest of what is there. Raises RecordError, OSError.
    """
    recorded = load(generation)
    return replace(recorded.artifacts, pem_files=proven_pem(generation, recorded.artifacts, recorded.contents))


def proven_pem(generation: Generation, artifacts: Artifacts, contents: Mapping[str, str]) -> dict[str, str]:
    """Material digests by PEM file name, `unknown:` and what is there for those whose content is not the one meant."""
    pem = {}
    for path, digest in artifacts.pem_files.items():
        found = digest_of(generation.read(path) or b"")
        pem[path] = digest if found == contents[path] else f"{UNKNOWN_DIGEST}:{found}"
    return pem


def load(generation: Generation) -> Recorded:
    """As `read_record`, without a look at the PEM files. Where the journal is damaged, what it says before that counts.

    Raises RecordError, OSError.
    """
    try:
        return _load(generation)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise RecordError(f"the record of generation {generation.name} is damaged: {error}") from error


def settled(generation: Generation) -> bool:
    """Whether its files are all of one state: nothing is only in the journal, nothing half written. Raises OSError."""
    journal = generation.path / JOURNAL
    return not (journal.exists() and journal.stat().st_size) and not (generation.path / NEXT).exists()


def parse_map(content: bytes) -> dict[str, str]:
    """A map file: key, white space, value. Comments and empty lines do not count (HAProxy manual, `map`)."""
    entries: dict[str, str] = {}
    for line in content.decode("utf-8", "surrogateescape").split("\n"):
        text = line.strip()
        if text and not text.startswith("#"):
            key, _, value = text.partition(" ")
            entries.setdefault(key, value.strip())
    return entries


def _load(generation: Generation) -> Recorded:
    index = opened(_required(generation, INDEX))
    if index["format"] != _FORMAT:
        raise ValueError(f"its format is {index['format']}, not {_FORMAT}")
    journal = read_journal(generation.path / JOURNAL)
    entries = [value for value in journal.values if value[SEQUENCE] > index[SEQUENCE]]
    for number, entry in enumerate(entries, index[SEQUENCE] + 1):
        if entry[SEQUENCE] != number:
            raise ValueError(f"its journal lacks change {number}")
    last = max(index[SEQUENCE], journal.last)
    following = generation.read(NEXT)
    coming = opened(following) if following is not None else None
    if coming is not None and coming[SEQUENCE] > last:
        raise ValueError(f"its files may say change {coming[SEQUENCE]}, the journal ends with {last}")
    base, contents, lines = _base(generation, index, coming)
    replay = Replay(base, contents, newer=coming is not None)
    for entry in entries:
        replay.take(entry, lines=entry[SEQUENCE] > lines)
    note = f"the journal of generation {generation.name} counts up to change {last}: {journal.lost}"
    return Recorded(replay.artifacts, replay.contents, last, journal.size, note if journal.lost else "")


def _base(generation: Generation, index: Any, coming: Any) -> tuple[Artifacts, dict[str, str], int]:
    """What the files say without the journal, the contents of PEM files, and up to which change the certificate lines go."""
    either = [index] if coming is None else [index, coming]

    def part(name: str) -> bytes:
        return _proven(generation, name, (one["record"].get(name) for one in either))

    recorded = {name: json.loads(part(_record_name(name))) for name in index["fragments"]}
    fragments = tuple(Fragment(str(name), sections_from_json(data)) for name, data in recorded.items())
    maps = {
        name: parse_map(_proven(generation, name, (one["maps"].get(name) for one in either))) for name in index["maps"]
    }
    known = json.loads(part(FILES))
    files = {name: generation.read(name) for name in known}
    lost = [name for name, body in files.items() if body is None or (coming is None and digest_of(body) != known[name])]
    if lost and coming is None:
        raise ValueError(f"{lost[0]} is damaged")
    pem = json.loads(part(PEM))
    last, lines = json.loads(part(CERTIFICATES))
    places = json.loads(part(PLACES))
    return (
        Artifacts(
            revision=str(index["revision"]),
            fragments=fragments,
            maps=maps,
            files={name: body for name, body in files.items() if body is not None},
            pem_files={path: str(digest) for path, (digest, _) in pem.items()},
            certificates=tuple(map(line_from_json, lines)),
            layout=_layout(structure_from_json(index["layout"]), fragments, places),
        ),
        {path: str(content) for path, (_, content) in pem.items()},
        int(last),
    )


def _places(artifacts: Artifacts) -> dict[str, object]:
    """What is not derived from the sections: nearly nothing."""
    derived = _derived(artifacts.fragments)
    placements = artifacts.layout.placements
    return {
        "resting": sorted(artifacts.layout.resting),
        "other": {
            name: placement_to_json(one, None) for name, one in placements.items() if not _same(one, derived.get(name))
        },
        "none": [name for name in derived if name not in placements],
    }


def _same(placement: Placement, section: Section | None) -> bool:
    return (
        section is not None
        and section.name == placement.slot
        and (section.servers is placement.servers or section.servers == placement.servers)
    )


def _derived(fragments: Iterable[Fragment]) -> dict[str, Section]:
    """Section by the Cluster that it says it holds."""
    return {
        section.cluster: section
        for fragment in fragments
        for section in fragment.sections
        if section.cluster is not None
    }


def _layout(structure: Layout, fragments: Iterable[Fragment], places: Any) -> Layout:
    none = set(places["none"])
    return replace(
        structure,
        placements={
            **{
                name: Placement(section.name, section.servers)
                for name, section in _derived(fragments).items()
                if name not in none
            },
            **{name: placement_from_json(one, {}) for name, one in places["other"].items()},
        },
        resting=frozenset(map(str, places["resting"])),
    )


def _proven(generation: Generation, name: str, digests: Iterable[object]) -> bytes:
    content = _required(generation, name)
    if digest_of(content) not in digests:
        raise ValueError(f"{name} is not what it was")
    return content


def _required(generation: Generation, name: str) -> bytes:
    content = generation.read(name)
    if content is None:
        raise RecordError(f"generation {generation.name} has no {name}")
    return content


def _record_name(filename: str) -> str:
    return f"record/{filename}.json"


def _dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
