"""One file: from its bytes to objects and rejections, given what it held before. Nothing here touches the disk."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from haloy.api.load import InvalidObject, load_object, ref_of
from haloy.api.snapshot import Object, Place, Rejection
from haloy.model.refs import ObjectRef
from haloy.sources.explain import explain
from haloy.sources.json_documents import read_json
from haloy.sources.kinds import Owner, is_list, name_of, owner_of
from haloy.sources.store import duplicate
from haloy.sources.yaml_documents import Document, Unreadable, read_yaml

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReadObject:
    """A valid object, the document it was read from (which may hold keys, so it is not shown), and where."""

    item: Object
    document: dict[str, Any] = field(repr=False)
    place: Place


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a file gives: the valid objects, kept ones included, and everything wrong with it."""

    objects: Mapping[ObjectRef, ReadObject]
    rejections: tuple[Rejection, ...] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    """A document, or an item of a List: `path` is where it stands in the document with number `index`."""

    value: Any = field(repr=False)
    index: int
    path: str
    place: Place


def read_manifest(file: str, data: bytes, before: Mapping[ObjectRef, ReadObject]) -> Manifest:
    """Read one file, whose name `file` decides between JSON and YAML.

    An object whose document is as it was `before` is the same Python object. A document that breaks the schema leaves its
    version of `before` in force, and a file that cannot be parsed leaves all of them.
    """
    try:
        parts = tuple(_parts(file, data))
    except Unreadable as error:
        kept = bool(before)
        return Manifest(before, (Rejection(Place(file, error.line, error.column), (error.problem,), None, kept),))
    objects: dict[ObjectRef, ReadObject] = {}
    rejections: list[Rejection] = []
    foreign: Counter[str] = Counter()
    for part in parts:
        if owner_of(part.value) is Owner.FOREIGN:
            foreign[name_of(part.value)] += 1
            continue
        try:
            found = _read(part, before)
        except InvalidObject as error:
            rejections.append(_reject(file, data, part, error, before))
            if rejections[-1].kept and error.ref is not None and error.ref not in objects:
                objects[error.ref] = before[error.ref]
            continue
        if found.item.ref in objects:
            rejections.append(duplicate(found.item.ref, found.place, objects[found.item.ref].place))
        else:
            objects[found.item.ref] = found
    if foreign:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(foreign.items()))
        _LOG.info("%s: passed over objects that are not haloy's: %s", file, kinds)
    return Manifest(objects, tuple(rejections))


def _documents(file: str, data: bytes, *, with_places: bool = False) -> tuple[Document, ...]:
    read = read_json if file.endswith(".json") else read_yaml
    return read(data, with_places=with_places)


def _parts(file: str, data: bytes) -> Iterator[_Part]:
    documents = _documents(file, data)
    if any(is_list(document.value) for document in documents):
        documents = _documents(file, data, with_places=True)
    for index, document in enumerate(documents):
        place = Place(file, document.line, document.column)
        if is_list(document.value):
            for number, item in enumerate(document.value["items"]):
                path = f"items[{number}]"
                written = document.places.get(path)
                yield _Part(item, index, path, Place(file, written.line, written.column) if written else place)
        else:
            yield _Part(document.value, index, "", place)


def _read(part: _Part, before: Mapping[ObjectRef, ReadObject]) -> ReadObject:
    ref = ref_of(part.value) if isinstance(part.value, dict) else None
    known = before.get(ref) if ref is not None else None
    if known is not None and known.document == part.value:
        return known if known.place == part.place else ReadObject(known.item, known.document, part.place)
    return ReadObject(load_object(part.value), part.value, part.place)


def _reject(
    file: str, data: bytes, part: _Part, error: InvalidObject, before: Mapping[ObjectRef, ReadObject]
) -> Rejection:
    places = _documents(file, data, with_places=True)[part.index].places
    explained = explain(part.value, part.path, error.problems, places)
    line, column = explained.line or part.place.line, explained.column or part.place.column
    return Rejection(Place(file, line, column), explained.problems, error.ref, error.ref in before)
