"""From a field of an object to the line in which a person wrote it."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from haloy.api.load import ref_of
from haloy.api.snapshot import Place
from haloy.cli.offline import STDIN_NAME, standard_input
from haloy.model.refs import ObjectRef
from haloy.sources.json_documents import read_json
from haloy.sources.kinds import is_list
from haloy.sources.yaml_documents import Document, Unreadable, Written, read_yaml

_STEP = re.compile(r'\.?\w+|\[\d+\]|\["(?:[^"\\]|\\.)*"\]')
_LEADING_FIELD = re.compile(r'(?P<field>[a-zA-Z]\w*(?:\.\w+|\[\d+\]|\["(?:[^"\\]|\\.)*"\])*): ')


class Places:
    """Finds fields in files, each file being read once."""

    def __init__(self) -> None:
        self._documents = lru_cache(maxsize=None)(_documents)

    def of_field(self, place: Place, ref: ObjectRef | None, field: str) -> Place:
        """Where `field` of the object `ref` at `place` stands, or the part that ought to contain it; `place` if that cannot
        be told (a file that changed meanwhile)."""
        candidates = [
            (document, prefix)
            for document in self._documents(place.file)
            for value, prefix in _objects(document.value)
            if ref is None or (isinstance(value, dict) and ref_of(value) == ref)
        ]
        before = [candidate for candidate in candidates if candidate[0].line <= place.line]
        if not candidates:
            return place
        document, prefix = (before or candidates)[-1]
        written = _nearest(document.places, _joined(prefix, field))
        return place if written is None else Place(place.file, written.line, written.column)


def leading_field(sentence: str) -> str:
    """The field that a problem's sentence begins with (`spec.rules[0].name: ...`), empty if it names none."""
    match = _LEADING_FIELD.match(sentence)
    return match["field"] if match is not None else ""


def _documents(file: str) -> tuple[Document, ...]:
    read = read_json if file.endswith(".json") else read_yaml
    try:
        data = standard_input() if file == STDIN_NAME else Path(file).read_bytes()
        return read(data, with_places=True)
    except (OSError, Unreadable):
        return ()


def _objects(value: Any) -> Iterator[tuple[Any, str]]:
    """The objects of a document, with the path to each."""
    if is_list(value):
        yield from ((item, f"items[{number}]") for number, item in enumerate(value["items"]))
    else:
        yield value, ""


def _joined(prefix: str, field: str) -> str:
    return f"{prefix}{'.' if prefix and field and not field.startswith('[') else ''}{field}"


def _nearest(places: Mapping[str, Written], path: str) -> Written | None:
    while path not in places and path:
        steps = [match.start() for match in _STEP.finditer(path)]
        path = path[: steps[-1]] if len(steps) > 1 else ""
    return places.get(path)
