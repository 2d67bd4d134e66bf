"""Doing only what changed: units of translation, remembered with everything they looked at.

A unit is a function of its inputs. Some are handed over and compared by identity; the others it asks for through `Reads`, which
notes the question. A unit is computed again when an input is another object or an answer has changed since the last cycle. If
the new value equals the old one the old one is kept, so that whoever comes next may compare by identity too. Nothing can go
stale, because a unit has no other way to learn anything; a property test compares with a start from scratch.

A cycle goes only to those units whose inputs may differ: those of objects that changed, and those that asked a question whose
answer changed, which a table knows the other way round (`stale`).
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Generic, TypeVar

from haloy.translate.context import RetainedBundle, RetainedCertificate
from haloy.translate.reads import Facts, Key, Reads

Name = TypeVar("Name", bound=Hashable)
Value = TypeVar("Value")


class Overlay(Generic[Name, Value]):
    """A mapping whose changes are put aside until `commit`, so that a cycle that fails half-way leaves it as it was.

    Iterating gives the names of the last finished cycle, and of the present one.
    """

    def __init__(self) -> None:
        self._last: dict[Name, Value] = {}
        self.pending: dict[Name, Value | None] = {}
        """What the present cycle changed; None: it is gone."""
        self.computed = 0
        """How many values of the present cycle were not simply taken over."""

    def begin(self) -> None:
        self.pending = {}
        self.computed = 0

    def commit(self) -> None:
        for name, value in self.pending.items():
            if value is None:
                self._last.pop(name, None)
            else:
                self._last[name] = value
        self.pending = {}

    def get(self, name: Name, /) -> Value | None:
        return self.pending[name] if name in self.pending else self._last.get(name)

    def last(self, name: Name) -> Value | None:
        """As the last finished cycle left it."""
        return self._last.get(name)

    def set(self, name: Name, value: Value) -> None:
        self.pending[name] = value

    def drop(self, name: Name) -> None:
        if self.get(name) is not None:
            self.pending[name] = None

    def __contains__(self, name: Name) -> bool:
        return self.get(name) is not None

    def __iter__(self) -> Iterator[Name]:
        yield from (name for name in self._last if self.pending.get(name, self) is not None)
        yield from (name for name, value in self.pending.items() if value is not None and name not in self._last)

    def items(self) -> Iterator[tuple[Name, Value]]:
        for name in self:
            value = self.get(name)
            assert value is not None
            yield name, value


@dataclass(frozen=True, slots=True)
class _Unit(Generic[Value]):
    inputs: tuple[object, ...]
    seen: frozenset[Key]
    value: Value


class Table(Generic[Name, Value]):
    """The units of one kind."""

    def __init__(self) -> None:
        self._units: Overlay[Name, _Unit[Value]] = Overlay()
        self._readers: dict[Key, set[Name]] = {}
        self._again = False

    @property
    def computed(self) -> int:
        """How many units of the present cycle were not simply taken over."""
        return self._units.computed

    def begin(self, *, again: bool) -> None:
        """A new cycle. `again`: compute everything again (old values are still kept where they are equal)."""
        self._units.begin()
        self._again = again

    def commit(self) -> None:
        for name, unit in self._units.pending.items():
            last = self._units.last(name)
            before = last.seen if last is not None else frozenset()
            now = unit.seen if unit is not None else frozenset()
            for key in before - now:
                readers = self._readers[key]
                readers.discard(name)
                if not readers:
                    del self._readers[key]
            for key in now - before:
                self._readers.setdefault(key, set()).add(name)
        self._units.commit()

    def stale(self, changed: Iterable[Key]) -> set[Name]:
        """The units of the last finished cycle that asked one of these questions; all of them when the cycle computes everything
        again."""
        if self._again:
            return set(self._units)
        return {name for key in changed for name in self._readers.get(key, ())}

    def get(self, name: Name, /) -> Value | None:
        unit = self._units.get(name)
        return unit.value if unit is not None else None

    def last(self, name: Name) -> Value | None:
        """As the last finished cycle left it."""
        unit = self._units.last(name)
        return unit.value if unit is not None else None

    def items(self) -> Iterator[tuple[Name, Value]]:
        return ((name, unit.value) for name, unit in self._units.items())

    def drop(self, name: Name) -> None:
        self._units.drop(name)

    def unit(
        self,
        name: Name,
        changed: set[Key],
        inputs: tuple[object, ...],
        facts: Facts,
        compute: Callable[[Reads], Value],
    ) -> Value:
        """The unit called `name`: the last cycle's if all `inputs` are the same objects and no answer has `changed`."""
        last = self._units.last(name)
        if last is not None and not self._again and _same(last.inputs, inputs) and last.seen.isdisjoint(changed):
            self._units.pending.pop(name, None)
            return last.value
        self._units.computed += 1
        reads = Reads(facts)
        value = compute(reads)
        if last is not None:
            value = keeping(last.value, value)
        self._units.set(name, _Unit(inputs, frozenset(reads.seen), value))
        return value


def keeping(old: Value, new: Value) -> Value:
    """`new`, but `old` itself or its fields wherever they are equal."""
    if old == new:
        return old
    if not is_dataclass(new) or isinstance(new, type) or type(old) is not type(new):
        return new
    kept: dict[str, Any] = {field.name: getattr(old, field.name) for field in fields(new)}
    return replace(new, **{name: value for name, value in kept.items() if value == getattr(new, name)})


_BY_VALUE = (str, int, tuple, RetainedCertificate, RetainedBundle)


def _same(left: tuple[object, ...], right: tuple[object, ...]) -> bool:
    """The same objects; small plain values may also be equal."""
    return len(left) == len(right) and all(
        one is other or (isinstance(one, _BY_VALUE) and one == other) for one, other in zip(left, right, strict=True)
    )
