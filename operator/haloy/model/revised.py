"""A frozen mapping that knows in which keys it differs from those it was made from, so that a cycle over tens of thousands of
objects looks at those that changed and at no others."""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence, Set
from itertools import compress, count, islice
from operator import is_not
from typing import Any, Generic, NoReturn, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
Unit = TypeVar("Unit")

REMEMBERED = 4
"""How many of its predecessors a mapping knows, by a token only: they themselves are not kept alive."""
MANY = 4_096
"""Differing keys from which on comparing everything is as good, so nothing is remembered."""


class Revised(dict[K, V], Generic[K, V]):
    """Never changed after it was made; `revised` makes the next one."""

    __slots__ = ("_token", "_trail")

    def __init__(self, entries: Mapping[K, V] | Iterable[tuple[K, V]] = ()) -> None:
        super().__init__(entries)
        self._token = object()
        self._trail: tuple[tuple[object, frozenset[K]], ...] = ()

    def revised(self, changed: Mapping[K, V], gone: Collection[K] = ()) -> "Revised[K, V]":
        """This mapping with some entries added or replaced and others taken away. Itself, when that changes nothing. New keys come
        last: whoever shows a mapping to people sorts it."""
        touched = {key for key, value in changed.items() if key not in self or self[key] is not value}
        touched.update(key for key in gone if key in self)
        if not touched:
            return self
        made: Revised[K, V] = Revised(self)
        dict.update(made, changed)
        for key in gone:
            dict.pop(made, key, None)
        if len(touched) <= MANY:
            trail = ((self._token, frozenset(touched)), *((token, keys | touched) for token, keys in self._trail))
            made._trail = tuple(entry for entry in trail[:REMEMBERED] if len(entry[1]) <= MANY)
        return made

    @classmethod
    def of(cls, entries: Mapping[K, V]) -> "Revised[K, V]":
        """`entries` itself if it is one already."""
        return entries if isinstance(entries, Revised) else Revised(entries)

    def since(self, before: Mapping[K, Any]) -> Set[K] | None:
        """The only keys that may differ from `before`; None: that is not known."""
        if isinstance(before, Revised):
            for token, keys in self._trail:
                if token is before._token:
                    return keys
        return None

    def _frozen(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("this mapping is frozen")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _frozen


def differing(old: Mapping[K, Any], new: Mapping[K, Any]) -> set[K]:
    """The keys of one only, or of another value. The same object costs no comparison of its parts."""
    if old is new:
        return set()
    missing = object()
    keys = new.since(old) if isinstance(new, Revised) else None
    if keys is not None:
        return {key for key in keys if _differ(old.get(key, missing), new.get(key, missing))}
    found = {key for key, value in new.items() if _differ(old.get(key, missing), value)}
    found.update(key for key in old if key not in new)
    return found


def _differ(one: Any, other: Any) -> bool:
    return one is not other and bool(one != other)


def exchanged(old: Sequence[Unit], new: Sequence[Unit]) -> tuple[list[Unit], list[Unit]]:
    """What is in one only of two sequences that are alike: what went and what came, by identity. What both begin and end with costs
    next to nothing."""
    if old is new:
        return [], []
    shorter = min(len(old), len(new))
    start = _alike(old, new, shorter)
    end = _alike(reversed(old), reversed(new), shorter - start)
    gone, come = old[start : len(old) - end], new[start : len(new) - end]
    stay = set(map(id, gone)) & set(map(id, come))
    return [one for one in gone if id(one) not in stay], [one for one in come if id(one) not in stay]


def _alike(one: Iterable[object], other: Iterable[object], most: int) -> int:
    """With how many of the same objects both begin, at most `most`."""
    return next(compress(count(), map(is_not, islice(one, most), other)), most)
