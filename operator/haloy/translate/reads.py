"""Doing only what changed: units of translation, remembered with everything they looked at.

A unit is a function of its inputs. Some are handed over and compared by identity; the others it asks for through
`Reads`, which notes the question. A unit is computed again when an input is another object or an answer has changed
since the last cycle. If the new value equals the old one the old one is kept, so that whoever comes next may compare by
identity too. Nothing can go stale, because a unit has no other way to learn anything; a property test compares with a
start from scratch.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum, auto
from typing import Any, Generic, TypeVar

from haloy.api.snapshot import Object, Resolution, made_of_files
from haloy.model.refs import ObjectRef
from haloy.translate.certificates import BundleChoice, Choice
from haloy.translate.context import RetainedBundle, RetainedCertificate

Name = TypeVar("Name", bound=Hashable)
Value = TypeVar("Value")


class Fact(Enum):
    """The kinds of questions that a unit may ask, each with the mapping that answers it."""

    OBJECT = auto()
    """ObjectRef → Object."""
    NAMES = auto()
    """(kind, namespace) → the sorted names there; derived from the objects when asked."""
    REJECTED = auto()
    """ObjectRef → the problems for which the object, as it is written now, was not taken."""
    RESOLUTION = auto()
    """DNS name → Resolution."""
    LABELS = auto()
    """Namespace → its labels."""
    REFUSED = auto()
    """ObjectRef → the fields that the proxy refused ("": the whole object), with its words."""
    CERTIFICATE = auto()
    """Ref of a Secret → Choice."""
    BUNDLE = auto()
    """Ref of a Secret → BundleChoice."""
    UNUSABLE = auto()
    """Ref of a Backend that has no cluster → why, as the end of a sentence."""
    REGEXES = auto()
    """Ref of a Route → how many of its regular expressions the fleet's limit leaves, if not all."""


Key = tuple[Fact, Hashable]
Facts = dict[Fact, Mapping[Any, Any]]


class Reads:
    """The questions of one unit. Every answer is the snapshot's; `seen` is what was asked."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.seen: set[Key] = set()

    def _ask(self, fact: Fact, key: Hashable) -> Any:
        self.seen.add((fact, key))
        return self._facts[fact].get(key)

    def object(self, ref: ObjectRef) -> Object | None:
        found: Object | None = self._ask(Fact.OBJECT, ref)
        return found

    def names(self, kind: str, namespace: str) -> tuple[str, ...]:
        """The names of all objects of a kind in a namespace, but for those that a source made and nobody wrote. Linear:
        ask only when something is missing."""
        self.seen.add((Fact.NAMES, (kind, namespace)))
        refs = self._facts[Fact.OBJECT]
        found = (ref for ref in refs if ref.kind == kind and ref.namespace == namespace and not made_of_files(ref))
        return tuple(sorted(ref.name for ref in found))

    def rejected(self, ref: ObjectRef) -> tuple[str, ...]:
        """What is wrong with the object as it is written; empty: nothing, or it is not written at all."""
        return self._ask(Fact.REJECTED, ref) or ()

    def resolution(self, name: str) -> Resolution | None:
        found: Resolution | None = self._ask(Fact.RESOLUTION, name)
        return found

    def labels(self, namespace: str) -> Mapping[str, str]:
        return self._ask(Fact.LABELS, namespace) or {}

    def refused(self, ref: ObjectRef) -> tuple[tuple[str, str], ...]:
        """(field, the proxy's words), sorted."""
        return self._ask(Fact.REFUSED, ref) or ()

    def certificate(self, secret: ObjectRef) -> Choice:
        return self._ask(Fact.CERTIFICATE, secret) or Choice(secret)

    def bundle(self, secret: ObjectRef) -> BundleChoice:
        return self._ask(Fact.BUNDLE, secret) or BundleChoice(secret)

    def unusable(self, backend: ObjectRef) -> str | None:
        found: str | None = self._ask(Fact.UNUSABLE, backend)
        return found

    def regexes(self, route: ObjectRef) -> int | None:
        found: int | None = self._ask(Fact.REGEXES, route)
        return found


@dataclass(frozen=True, slots=True)
class _Unit(Generic[Value]):
    inputs: tuple[object, ...]
    seen: frozenset[Key]
    value: Value


class Table(Generic[Name, Value]):
    """The units of one kind, those of the last finished cycle and those of the present one."""

    def __init__(self) -> None:
        self._last: dict[Name, _Unit[Value]] = {}
        self._now: dict[Name, _Unit[Value]] = {}
        self.computed = 0
        """How many units of the present cycle were not simply taken over."""

    def begin(self, *, forget: bool) -> None:
        """A new cycle. `forget`: compute everything again (old values are still kept where they are equal)."""
        self._now = {}
        self.computed = 0
        if forget:
            self._last = {name: _Unit((object(),), unit.seen, unit.value) for name, unit in self._last.items()}

    def commit(self) -> None:
        self._last = self._now

    def unit(
        self, name: Name, changed: set[Key], inputs: tuple[object, ...], facts: Facts, compute: Callable[[Reads], Value]
    ) -> Value:
        """The unit called `name`: the last cycle's if all `inputs` are the same objects and no answer has `changed`."""
        last = self._last.get(name)
        if last is not None and _same(last.inputs, inputs) and last.seen.isdisjoint(changed):
            self._now[name] = last
            return last.value
        self.computed += 1
        reads = Reads(facts)
        value = compute(reads)
        if last is not None:
            value = _keeping(last.value, value)
        self._now[name] = _Unit(inputs, frozenset(reads.seen), value)
        return value


def _keeping(old: Value, new: Value) -> Value:
    """`new`, but `old` itself or its fields wherever they are equal."""
    if old == new:
        return old
    if not is_dataclass(new) or isinstance(new, type) or type(old) is not type(new):
        return new
    kept = {field.name: getattr(old, field.name) for field in fields(new)}
    return replace(new, **{name: value for name, value in kept.items() if value == getattr(new, name)})


_BY_VALUE = (str, int, tuple, RetainedCertificate, RetainedBundle)


def _same(left: tuple[object, ...], right: tuple[object, ...]) -> bool:
    """The same objects; small plain values may also be equal."""
    return len(left) == len(right) and all(
        one is other or (isinstance(one, _BY_VALUE) and one == other) for one, other in zip(left, right, strict=True)
    )


def differences(fact: Fact, old: Mapping[Any, Any], new: Mapping[Any, Any]) -> Iterator[Key]:
    """The keys whose answer is another one now; for objects also the namespaces where names came or went."""
    if old is new:
        return
    missing = object()
    for key, value in new.items():
        before = old.get(key, missing)
        if before is not value and before != value:
            yield fact, key
            if fact is Fact.OBJECT and before is missing:
                yield Fact.NAMES, (key.kind, key.namespace)
    for key in old:
        if key not in new:
            yield fact, key
            if fact is Fact.OBJECT:
                yield Fact.NAMES, (key.kind, key.namespace)
