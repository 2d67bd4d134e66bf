"""The questions that a unit of translation may ask about the world, and the note of what it asked."""

from collections.abc import Hashable, Iterator, Mapping
from enum import Enum, auto
from typing import Any, Protocol

from haloy.api.snapshot import Object, Resolution, made_of_files
from haloy.model.refs import ObjectRef
from haloy.model.revised import differing
from haloy.translate.certificates import BundleChoice, Choice
from haloy.translate.shares import Share


class Fact(Enum):
    """The kinds of questions that a unit may ask, each with the mapping that answers it."""

    OBJECT = auto()
    """ObjectRef → Object."""
    NAMES = auto()
    """(kind, namespace) → the sorted names of what is written there."""
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
    """Ref of a Route → its Share of the regular expressions, if it does not get all."""


Key = tuple[Fact, Hashable]


class Answers(Protocol):
    """What answers the questions of one Fact."""

    def get(self, key: Any, /) -> Any: ...


Facts = dict[Fact, Answers]


class Names:
    """The answers for Fact.NAMES: looked for once for each kind and namespace, and only when something is missing there."""

    def __init__(self, refs: Mapping[ObjectRef, object]) -> None:
        self._refs = refs
        self._found: dict[tuple[str, str], tuple[str, ...]] = {}

    def get(self, key: tuple[str, str], /) -> tuple[str, ...]:
        if key not in self._found:
            found = (ref for ref in self._refs if (ref.kind, ref.namespace) == key and not made_of_files(ref))
            self._found[key] = tuple(sorted(ref.name for ref in found))
        return self._found[key]


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
        found: tuple[str, ...] = self._ask(Fact.NAMES, (kind, namespace))
        return found

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

    def regexes(self, route: ObjectRef) -> Share | None:
        found: Share | None = self._ask(Fact.REGEXES, route)
        return found


def differences(fact: Fact, old: Mapping[Any, Any], new: Mapping[Any, Any]) -> Iterator[Key]:
    """The keys whose answer is another one now; for objects also the namespaces where names came or went."""
    for key in differing(old, new):
        yield fact, key
        if fact is Fact.OBJECT and (key in old) != (key in new):
            yield Fact.NAMES, (key.kind, key.namespace)
