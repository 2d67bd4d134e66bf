"""Programs as entries of maps/programs.map."""

from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote

_PLAIN = "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"
"""Bytes besides letters and digits that stand for themselves: visible ASCII but `%`."""

NOTHING = "%"
"""The empty word."""

PART = 8_000
"""Bytes of one entry's value at most, without the number in front: HAProxy reads no longer line of a map than tune.bufsize,
and the Runtime API no longer command."""


def encode(words: Iterable[str]) -> str:
    """The program's text: ASCII, no control characters, no blank but the one between two words."""
    return " ".join(quote(word, safe=_PLAIN) if word else NOTHING for word in words)


def entries(name: str, text: str) -> dict[str, str]:
    """`name` -> `<number of parts> <first part>`, and `name.2`, `name.3`, ... -> the rest, for programs longer than a line.

    No part begins or ends with a blank, since a map does not keep those.
    """
    parts = []
    start = 0
    while start < len(text):
        end = min(start + PART, len(text))
        while end < len(text) and " " in text[end - 1 : end + 1]:
            end -= 1
        parts.append(text[start:end])
        start = end
    first, *rest = parts
    found = {name: f"{len(parts)} {first}"}
    found.update({f"{name}.{number}": part for number, part in enumerate(rest, 2)})
    return found


def part_names(name: str, value: str) -> tuple[str, ...]:
    """The further entries of the program whose first one is `name` -> `value`."""
    count = int(value.partition(" ")[0])
    return tuple(f"{name}.{number}" for number in range(2, count + 1))


def words(name: str, programs: Mapping[str, str]) -> tuple[str, ...]:
    """What a program was made of. Raises KeyError where an entry is missing."""
    first = programs[name]
    text = first.partition(" ")[2] + "".join(programs[part] for part in part_names(name, first))
    return decode(text)


def decode(text: str) -> tuple[str, ...]:
    """The way back from `encode`."""
    return tuple("" if word == NOTHING else unquote(word) for word in text.split(" "))
