"""From a configuration line back to the object and field that it was made from.

Sections and the blocks inside them begin with a comment that names their source; it holds until the next such comment, or
until a blank line. `# haloy` means nobody's; words after it (`# haloy: look-up of hosts`) say what the lines are for.
"""

import re
from collections.abc import Iterable, Mapping

from haloy.model.refs import FieldRef, ObjectRef
from haloy.proxies.haproxy.artifacts import Line

_SOURCE = re.compile(
    r"\s*# (?P<kind>[A-Z][A-Za-z]*) (?P<namespace>[a-z0-9-]+)/(?P<name>[a-z0-9.-]+)(?: (?P<field>[A-Za-z0-9_.\[\]-]+))?\Z"
)


def source_map(files: Mapping[str, bytes]) -> tuple[Line, ...]:
    """Every line of the configuration files among `files` that has a source, in order."""
    return tuple(
        Line(filename, number, source)
        for filename in sorted(files)
        if filename.endswith(".cfg")
        for number, source in _sources(files[filename].decode().split("\n"))
    )


def _sources(lines: list[str]) -> Iterable[tuple[int, FieldRef]]:
    current: FieldRef | None = None
    for number, text in enumerate(lines, start=1):
        found = _SOURCE.match(text)
        if found is not None:
            ref = ObjectRef(found["kind"], found["namespace"], found["name"])
            current = FieldRef(ref, found["field"] or "")
        elif not text.strip() or text.lstrip().startswith("# haloy"):
            current = None
        if current is not None:
            yield number, current
