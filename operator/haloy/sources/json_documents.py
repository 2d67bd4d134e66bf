"""JSON files: read by the rules of JSON, with the places that the YAML reader finds, since JSON is nearly YAML."""

import json
from typing import Any, NoReturn

from haloy.sources.yaml_documents import MAX_DEPTH, Document, Unreadable, decode, read_yaml


def read_json(data: bytes, *, with_places: bool = False) -> tuple[Document, ...]:
    """The one document of a JSON file.

    Raises:
        Unreadable: too large, not UTF-8, not JSON, a field twice in an object, nested too deeply.
    """
    text = decode(data)
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise Unreadable(f"not valid JSON: {error.msg}", error.lineno, error.colno) from error
    except (RecursionError, ValueError) as error:
        raise Unreadable("not valid JSON: nested too deeply, or a number with too many digits") from error
    if _depth(value) > MAX_DEPTH:
        raise Unreadable(f"nested deeper than {MAX_DEPTH} levels")
    before = text[: len(text) - len(text.lstrip())]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return (Document(value, line, column, _places(data) if with_places else {}),) if value is not None else ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Unreadable(f"the field {twice[:60]!r} stands twice in one object; keep one of them")
    return result


def _constant(name: str) -> NoReturn:
    raise Unreadable(f"not valid JSON: {name} is no number of JSON")


def _depth(value: Any) -> int:
    level, deepest = [value], 0
    while level and deepest <= MAX_DEPTH:
        deepest += 1
        parts = [item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list)]
        level = [item for part in parts for item in part if isinstance(item, dict | list)]
    return deepest


def _places(data: bytes) -> Any:
    """By path; empty for the little JSON that is not YAML (surrogate pairs, some uses of tabs)."""
    try:
        documents = read_yaml(data, with_places=True)
    except Unreadable:
        return {}
    return documents[0].places if documents else {}
