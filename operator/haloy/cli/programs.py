"""Programs of maps/programs.map in words: one line for each candidate of a chain of conditions, or for each filter."""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import unquote

from haloy.proxies.haproxy.render.programs.words import NOTHING
from haloy.proxies.haproxy.slots.layout import Expression

_PART = re.compile(r"(?P<name>[?!][0-9a-z]+)\.(?P<number>\d+)")


def program_of(key: str) -> str:
    """The program that an entry is a part of: long ones are several entries."""
    part = _PART.fullmatch(key)
    return key if part is None else part["name"]


def texts(entries: Mapping[str, str]) -> dict[str, str]:
    """Every program by name, its parts put together again."""
    found: dict[str, str] = {}
    for name, first in entries.items():
        if program_of(name) == name:
            count, _, text = first.partition(" ")
            found[name] = "".join([text, *(entries.get(f"{name}.{number}", "") for number in range(2, int(count) + 1))])
    return found


def described(text: str, expressions: Iterable[Expression]) -> list[str]:
    """What a program does, in its order. Strings of users are shown as literals.

    Raises:
        ValueError: it is no program.
    """
    samples = {one.id: f"{one.sample} matches {one.pattern!r}" for one in expressions}
    words = _words(text)
    found: list[str] = []
    tests: list[str] = []
    while words:
        word = words.popleft()
        if word == "rule":
            (rule,) = _take(words, 1)
            found.append(f"{' and '.join(tests) or 'otherwise'}: rule {rule}")
            tests = []
        elif word in _TESTS:
            count, sentence = _TESTS[word]
            tests.append(sentence.format(*map(repr, _take(words, count))))
        elif word == "fits":
            (name,) = _take(words, 1)
            tests.append(samples.get(name, f"the regular expression {name} matches"))
        elif word == "after":
            found += _response_headers(_words(*_take(words, 1)))
        elif word in _FILTERS:
            count, sentence = _FILTERS[word]
            found.append(sentence.format(*map(repr, _take(words, count))))
        else:
            raise ValueError(f"{word!r} is no word of a program")
    return found


_TESTS = {
    "method": (1, "method is {0}"),
    "header": (2, "header {0} is {1}"),
    "query": (2, "query parameter {0} is {1}"),
}
_FILTERS = {
    "is": (1, "the rule is {0}"),
    "path": (1, "the path becomes {0}"),
    "prefix": (2, "the path becomes {1} and what it has from byte {0} on"),
    "host": (1, "the host becomes {0}"),
    "remove": (1, "request header {0} is removed"),
    "set": (2, "request header {0} is set to {1}"),
    "add": (2, "request header {0} gets {1} added"),
    "redirect": (
        5,
        "redirected with {0}, scheme {1}, host {2} (empty: the client's), port {3} for http, {4} for https",
    ),
    "answer": (3, "answered with {0}, content type {1}, body {2}"),
}
"""By word, how many more belong to it, and what they mean (haloy.proxies.haproxy.render.programs.filters)."""


def _response_headers(words: deque[str]) -> Iterator[str]:
    while words:
        name, how, count = _take(words, 3)
        values = ", ".join(map(repr, _take(words, int(count))))
        if how == "append":
            yield f"response header {name!r} gets {values} added"
        else:
            yield f"response header {name!r} is set to {values}" if values else f"response header {name!r} is removed"


def _take(words: deque[str], count: int) -> list[str]:
    if count > len(words):
        raise ValueError("a program ends in the middle")
    return [words.popleft() for _ in range(count)]


def _words(text: str) -> deque[str]:
    return deque("" if word == NOTHING else unquote(word) for word in text.split(" "))
