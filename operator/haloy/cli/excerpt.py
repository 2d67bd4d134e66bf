"""The part of a rendered configuration that comes from one object."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from haloy.model.refs import ObjectRef
from haloy.proxies.haproxy.names import cluster_section
from haloy.proxies.haproxy.render.source_map import source_map


def excerpt(files: Mapping[str, bytes], ref: ObjectRef) -> dict[str, bytes]:
    """Of each file in `files` what `ref` is responsible for: its lines, under the heading of their section, and the lines of
    maps that lead to it. Files without any are left out."""
    numbers: dict[str, set[int]] = {}
    for line in source_map(files):
        if line.source.ref == ref:
            numbers.setdefault(line.filename, set()).add(line.number)
    texts = {name: content.decode("utf-8", "replace").split("\n") for name, content in files.items()}
    found = {name: list(_with_headings(texts[name], numbers[name])) for name in files if name in numbers}
    names = _names(ref, (line for lines in found.values() for line in lines))
    for name in files:
        if name.endswith(".map"):
            found[name] = [line for line in texts[name] if names.search(line) is not None]
    return {name: "".join(f"{line}\n" for line in lines).encode() for name, lines in found.items() if lines}


def _with_headings(lines: list[str], numbers: Collection[int]) -> Iterator[str]:
    heading = ""
    for number, line in enumerate(lines, start=1):
        is_heading = bool(line) and not line.startswith((" ", "#"))
        if is_heading:
            heading = line
        if number in numbers:
            if heading and line.startswith(" "):
                yield heading
            heading = "" if is_heading or line.startswith(" ") else heading
            yield line


def _names(ref: ObjectRef, lines: Iterable[str]) -> re.Pattern[str]:
    """What stands for `ref` in maps: rule ids (`namespace/name:rule`), the chains of conditions that its `lines` speak of, or a
    section."""
    match ref.kind:
        case "Route":
            chains = {found for line in lines for found in re.findall(r" (\?[0-9a-f]+) \}", line)}
            options = [f"{re.escape(ref.key)}:", *(rf"{re.escape(chain)}(?:\s|$)" for chain in sorted(chains))]
            return re.compile(rf"(?:^|\s)(?:{'|'.join(options)})")
        case "Backend":
            return re.compile(rf"(?:^|\s){re.escape(cluster_section(ref.key))}(?:\s|$)")
        case _:
            return re.compile(r"(?!)")
