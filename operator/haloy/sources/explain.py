"""What is wrong with a document, with the line it is wrong in, and YAML's own traps named as such."""

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from haloy.api.load import InvalidObject, load_object
from haloy.api.problems import Problem
from haloy.sources.yaml_documents import Written
from haloy.sources.yaml_scalars import typed

_STEP = re.compile(r'\.?(\w+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]')
_MOST_HINTS = 20


@dataclass(frozen=True, slots=True)
class Explained:
    """`line` and `column`: of the first problem, 0 if unknown. A problem in another line ends in its own line."""

    problems: tuple[str, ...]
    line: int = 0
    column: int = 0


def explain(document: Any, path: str, problems: tuple[Problem, ...], places: Mapping[str, Written]) -> Explained:
    """`document` stands at `path` in the file; `places` are those of the whole file's document."""
    written = [_nearest(places, _join(path, problem.field)) for problem in problems]
    first = min(
        (place for place in written if place), key=lambda place: (place.line, place.column), default=Written(0, 0)
    )
    texts = []
    for number, (problem, place) in enumerate(zip(problems, written, strict=True)):
        text = str(problem)
        exact = places.get(_join(path, problem.field))
        if exact is not None and problem.value and number < _MOST_HINTS:  # Without a value it may be secret.
            text += _unquoted(document, problem, exact)
        texts.append(text if place is None or place.line == first.line else f"{text} (line {place.line})")
    return Explained(tuple(texts), first.line, first.column)


def _unquoted(document: Any, problem: Problem, place: Written) -> str:
    """The remedy for a word that YAML took for something else: `no`, `on`, 1.2. Tried, not guessed: with the quotes the
    problem must be gone."""
    if not place.plain or not place.text:
        return ""
    kind = {bool: "a boolean", int: "a number", float: "a number"}.get(type(typed(place.text)))
    if kind is None or not isinstance(document, dict):
        return ""
    changed = copy.deepcopy(document)
    if not _put(changed, problem.field, place.text):
        return ""
    try:
        load_object(changed)
    except InvalidObject as error:
        if any(other.field == problem.field for other in error.problems):
            return ""
    return f' (without quotes, YAML reads {place.text} as {kind}: write "{place.text}")'


def _put(document: Any, field: str, text: str) -> bool:
    """Write `text` at `field`; False if there is no such place."""
    steps: list[str | int] = [
        int(index) if index else name or key for name, index, key in (match.groups() for match in _STEP.finditer(field))
    ]
    part = document
    for step in steps[:-1]:
        part = _child(part, step)
    if not steps or _child(part, steps[-1]) is None:
        return False
    part[steps[-1]] = text
    return True


def _child(part: Any, step: str | int) -> Any:
    if isinstance(part, dict):
        return part.get(step)
    return part[step] if isinstance(part, list) and isinstance(step, int) and step < len(part) else None


def _join(path: str, field: str) -> str:
    return f"{path}{'.' if path and field and not field.startswith('[') else ''}{field}"


def _nearest(places: Mapping[str, Written], path: str) -> Written | None:
    """The place of `path`, or of the part that ought to contain it."""
    while path not in places and path:
        ends = [match.start() for match in _STEP.finditer(path)]
        path = path[: ends[-1]] if ends else ""
    return places.get(path)
