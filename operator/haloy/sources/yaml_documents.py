"""YAML as JSON values with places, safe for files from anybody.

YAML is read event by event: nothing is built that was not counted first, so neither a million brackets nor an alias bomb costs
more than a refusal. Scalars are typed as kubectl types them (YAML 1.1), so that a directory and a cluster understand a manifest
alike, with two exceptions in favour of the writer: field names are always text (`on:` stays "on"), and dates and numbers
to the base of 60 stay text.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from haloy.sources.yaml_scalars import typed

MAX_BYTES = 8 * 1024 * 1024
MAX_NODES = 1_000_000
"""Values of one file, those that an alias repeats counted again."""
MAX_DEPTH = 64

_TAGS = {f"tag:yaml.org,2002:{name}": name for name in ("str", "int", "float", "bool", "null", "seq", "map")}
_TYPES = {"str": ("str",), "int": ("int",), "float": ("int", "float"), "bool": ("bool",), "null": ("NoneType",)}
_MERGE = "<<"


class Unreadable(Exception):
    """A file that has no documents to give. `line` and `column` count from 1; 0: unknown. The text says what and where."""

    def __init__(self, problem: str, line: int = 0, column: int = 0) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Written:
    """Where a value begins. `text`: a scalar as it is written there; `plain`: without quotes."""

    line: int
    column: int
    text: str | None = None
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """One document that is not empty. `places` by path (`spec.rules[0].name`; "" is the document)."""

    value: Any = field(repr=False)
    line: int
    column: int
    places: dict[str, Written] = field(default_factory=dict, compare=False, repr=False)


def read_yaml(data: bytes, *, with_places: bool = False) -> tuple[Document, ...]:
    """The documents of a file. Their values are what JSON knows: dict with str keys, list, str, int, float, bool, None.

    Equal parts that an alias repeats are one Python object. `with_places` fills `Document.places`, for messages.

    Raises:
        Unreadable: too large, not UTF-8, not YAML, a field twice in a mapping, a tag, an endless alias.
    """
    text = decode(data)
    loader = yaml.CSafeLoader(text)
    try:
        return tuple(_Composer(loader, with_places).documents())
    except yaml.reader.ReaderError as error:
        line, column = _line_and_column(text, int(error.position))
        raise Unreadable(f"the character {_code(error.character)} is not allowed in YAML", line, column) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        begin = error.context_mark
        since = f" (it begins in line {begin.line + 1})" if begin and mark and begin.line != mark.line else ""
        words = ", ".join(part for part in (error.context, error.problem) if part) + since
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
        raise Unreadable(f"not valid YAML: {words}{_hint(text, line, error.problem)}", line, column) from error
    finally:
        loader.dispose()


def decode(data: bytes) -> str:
    """The text of a file, without a byte order mark.

    Raises:
        Unreadable: too large, or not UTF-8.
    """
    if len(data) > MAX_BYTES:
        raise Unreadable(f"the file is larger than {MAX_BYTES // 1024 // 1024} MiB; split it")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"not UTF-8: byte 0x{data[error.start]:02x}; save the file as UTF-8", line) from error


def quoted(text: str) -> str:
    """A path step in brackets, for keys that are no plain words."""
    return '["' + text.replace("\\", "\\\\").replace('"', '\\"') + '"]'


class _Composer:
    """Builds values from events. `sizes` and `values` are by anchor; a size counts what an alias repeats."""

    def __init__(self, loader: yaml.CSafeLoader, with_places: bool) -> None:
        self._loader = loader
        self._places: dict[str, Written] | None = {} if with_places else None
        self._values: dict[str, Any] = {}
        self._sizes: dict[str, int] = {}
        self._count = 0

    def documents(self) -> Iterator[Document]:
        while True:
            event = self._next()
            if event is None or isinstance(event, yaml.StreamEndEvent):
                return
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            root = self._next()
            self._values.clear()
            self._sizes.clear()
            if self._places is not None:
                self._places = {}
            value = self._node(root, "", 0)
            if value is not None:
                mark = root.start_mark
                yield Document(value, mark.line + 1, mark.column + 1, self._places or {})

    def _next(self) -> Any:
        return self._loader.get_event()

    def _node(self, event: Any, path: str, depth: int) -> Any:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        self._add(event, 1)
        if depth > MAX_DEPTH:
            raise _at(event, f"nested deeper than {MAX_DEPTH} levels")
        before = self._count
        if self._places is not None:
            self._remember(event, path)
        match event:
            case yaml.ScalarEvent():
                value: Any = self._scalar(event)
            case yaml.SequenceStartEvent():
                _check_tag(event, "seq")
                value = self._sequence(path, depth)
            case _:
                _check_tag(event, "map")
                value = self._mapping(path, depth)
        if event.anchor is not None:
            self._values[event.anchor] = value
            self._sizes[event.anchor] = self._count - before + 1
        return value

    def _alias(self, event: Any) -> Any:
        if event.anchor not in self._values:
            raise _at(
                event, f"the alias *{event.anchor[:40]} refers to no anchor before it, or to one that contains it"
            )
        self._add(event, self._sizes[event.anchor])
        return self._values[event.anchor]

    def _sequence(self, path: str, depth: int) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(event, f"{path}[{len(items)}]", depth + 1))
        return items

    def _mapping(self, path: str, depth: int) -> dict[str, Any]:
        own: dict[str, Any] = {}
        lines: dict[str, int] = {}
        merged: list[dict[str, Any]] = []
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event)
            is_merge = key == _MERGE and isinstance(event, yaml.ScalarEvent) and event.implicit[0]
            if key in lines and not is_merge:
                raise _at(event, f"the field {_short(key)} stands here and in line {lines[key]}; keep one of them")
            lines[key] = event.start_mark.line + 1
            step = (f".{key}" if path else key) if key.isidentifier() else quoted(key)
            value_event = self._next()
            value = self._node(value_event, path + step, depth + 1)
            if is_merge:
                merged.extend(_merged(value, value_event))
            else:
                own[key] = value
        for mapping in merged:
            for name, value in mapping.items():
                own.setdefault(name, value)
        return own

    def _key(self, event: Any) -> str:
        if isinstance(event, yaml.AliasEvent):
            value = self._alias(event)
        elif isinstance(event, yaml.ScalarEvent):
            self._add(event, 1)
            value = event.value
            if event.anchor is not None:
                self._values[event.anchor], self._sizes[event.anchor] = value, 1
        else:
            value = None
        if not isinstance(value, str):
            raise _at(
                event, "a field name must be text; a list or mapping stands here (are there braces without quotes?)"
            )
        return value

    def _scalar(self, event: Any) -> Any:
        tag = _check_tag(event, None)
        if tag is None:
            return typed(event.value) if event.implicit[0] else event.value
        value = event.value if tag == "str" else typed(event.value)
        if type(value).__name__ not in _TYPES.get(tag, ()):
            raise _at(event, f"the value is not what its tag !!{tag} says")
        return float(value) if tag == "float" else value

    def _remember(self, event: Any, path: str) -> None:
        mark = event.start_mark
        scalar = isinstance(event, yaml.ScalarEvent)
        text, plain = (event.value, event.implicit[0] and not event.style) if scalar else (None, False)
        if self._places is not None:
            self._places[path] = Written(mark.line + 1, mark.column + 1, text, plain)

    def _add(self, event: Any, size: int) -> None:
        self._count += size
        if self._count > MAX_NODES:
            raise _at(event, f"the file holds more than {MAX_NODES:,} values (aliases counted in full); split it")


def _merged(value: Any, event: Any) -> list[dict[str, Any]]:
    """The mappings that a merge key (`<<`) names, the first before the others."""
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, dict) for item in items):
        raise _at(event, "<< merges mappings; put its value in quotes if it is meant as text")
    return items


def _check_tag(event: Any, expected: str | None) -> str | None:
    """The short name of the tag, None if there is none; `expected`: the only one that fits, None for scalars."""
    if event.tag is None or event.tag == "!":
        return None
    tag = _TAGS.get(event.tag)
    if tag is None or (tag in ("seq", "map")) != (expected is not None) or (expected is not None and tag != expected):
        raise _at(event, f"the tag {_short(event.tag)} is not allowed; leave it out")
    return tag


def _at(event: Any, problem: str) -> Unreadable:
    return Unreadable(problem, event.start_mark.line + 1, event.start_mark.column + 1)


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "...")


def _code(character: object) -> str:
    return f"U+{character:04X}" if isinstance(character, int) else repr(character)


def _line_and_column(text: str, position: int) -> tuple[int, int]:
    """Of a position that the parser counts in bytes of UTF-8."""
    before = text.encode("utf-8", "surrogatepass")[:position].decode("utf-8", "ignore")
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _hint(text: str, line: int, problem: str | None) -> str:
    """The usual causes, in words for those who do not know the grammar."""
    lines = text.splitlines()
    written = lines[line - 1] if 0 < line <= len(lines) else ""
    if "\t" in written[: len(written) - len(written.lstrip())]:
        return "; the line is indented with a tab, use blanks"
    if problem and "mapping values are not allowed" in problem:
        return "; a colon followed by a blank begins a value: put the text in quotes, or mend the indentation"
    if "{{" in written:
        return "; this looks like a template, which haloy does not fill in"
    return ""
