"""Unchanged units are not rendered again."""

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class RenderMemo:
    """Results of the last cycle, by unit. A result is used again when all inputs are the very same objects.

    `cycle` forgets what the cycle before last did not ask for again, so nothing outlives its unit. The result of rendering
    with a memo equals that without one; a property test holds it to that.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], tuple[tuple[object, ...], Any]] = {}
        self._now: dict[tuple[str, str], tuple[tuple[object, ...], Any]] = {}

    def cycle(self) -> None:
        """Begin a new cycle."""
        self._last, self._now = self._now, {}

    def get(self, kind: str, unit: str, inputs: tuple[object, ...], make: Callable[[], T]) -> T:
        """The result for `unit`, made anew only if one of `inputs` is another object than last time (strings: another text)."""
        key = (kind, unit)
        found = self._last.get(key)
        if found is None or not _same(found[0], inputs):
            found = (inputs, make())
        self._now[key] = found
        result: T = found[1]
        return result

    def follow(self, unit: str, make: Callable[[T | None], T]) -> T:
        """A value that is made from what it was in the last cycle (None: not known), for units so many that even `get` for
        each is too dear. `make` must come to the same value whatever it is given."""
        key = ("follow", unit)
        found = self._last.get(key)
        made = make(None if found is None else found[1])
        self._now[key] = ((), made)
        return made


def _same(before: tuple[object, ...], now: tuple[object, ...]) -> bool:
    return len(before) == len(now) and all(
        a is b or (isinstance(a, str | int) and isinstance(b, str | int) and a == b)
        for a, b in zip(before, now, strict=True)
    )
