"""The Store: the objects of every source as they are now, and the frozen Snapshot of them.

Identity is part of its contract: as long as what was written about an object is equal, every Snapshot holds the very same Python
object, because translation remembers its work by the identity of its inputs.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from haloy.api.snapshot import Object, Place, Rejection, Resolution, Snapshot
from haloy.api.v1alpha1 import TlsSecret
from haloy.clock import Clock
from haloy.model.refs import ObjectRef
from haloy.model.revised import Revised
from haloy.sources.loss import LossGuard, Reading


@dataclass(slots=True)
class _Held:
    """What one source has delivered. `written` is as delivered, `objects` the same with haloy's own generation."""

    written: dict[ObjectRef, Object] = field(default_factory=dict)
    objects: dict[ObjectRef, Object] = field(default_factory=dict)
    places: dict[ObjectRef, Place] = field(default_factory=dict)
    rejections: tuple[Rejection, ...] = ()
    synced: bool = False
    guard: LossGuard = field(default_factory=LossGuard)


class Store:
    """One per process, used from one event loop.

    `sources` are the names of those that must deliver before anything may be published, in order of precedence: where two of them
    hold the same ref, the earlier one wins and the other's is a Rejection.
    """

    def __init__(self, clock: Clock, sources: Iterable[str]) -> None:
        self._clock = clock
        self._sources = {name: _Held() for name in sources}
        self._resolutions: Mapping[str, Resolution] = MappingProxyType({})
        self._namespaces: Mapping[str, Mapping[str, str]] = MappingProxyType({})
        self._touched: set[ObjectRef] = set()
        """What may be another than in the last Snapshot."""
        self._objects: Revised[ObjectRef, Object] = Revised()
        self._places: Revised[ObjectRef, Place] = Revised()
        self._twice: set[ObjectRef] = set()
        self._version = 0
        self._changed = asyncio.Event()
        self._snapshot: Snapshot | None = None

    @property
    def version(self) -> int:
        """Grows with every change of what `snapshot` returns."""
        return self._version

    async def changed(self, seen: int) -> int:
        """Wait until the version is another than `seen`, and return it. Changes in between are not lost, only coalesced."""
        while self._version == seen:
            await self._changed.wait()
        return self._version

    def snapshot(self) -> Snapshot:
        """Everything known now. Calling it again without a change returns the same Snapshot."""
        if self._snapshot is None:
            self._snapshot = self._merged()
        return self._snapshot

    def replace(self, source: str, reading: Reading) -> float | None:
        """Take a complete reading of `source`: what it does not hold any more is gone, unless the second look holds it back.

        Returns the number of seconds after which `source` must read again, because a loss was not believed yet; else None.

        Raises:
            KeyError: `source` is not one of the sources.
        """
        held = self._sources[source]
        verdict = held.guard.judge(held.written.keys(), reading, self._clock.monotonic())
        touched = reading.touched if reading.touched is not None else {*held.written, *reading.objects}
        gone = verdict.gone
        changed = not held.synced or reading.rejections != held.rejections
        for ref in touched | gone:
            item = reading.objects.get(ref)
            if item is not None:
                changed |= self._put(held, ref, item, reading.places.get(ref))
            elif ref in gone:
                changed |= self._drop(held, ref)
        held.rejections = reading.rejections if reading.rejections != held.rejections else held.rejections
        held.synced = True
        if changed:
            self._bump()
        return verdict.again

    def report(self, source: str, rejections: tuple[Rejection, ...]) -> None:
        """Replace the rejections of `source` and nothing else; it does not count as a delivery."""
        held = self._sources[source]
        if rejections != held.rejections:
            held.rejections = rejections
            self._bump()

    def upsert(self, source: str, item: Object, place: Place | None = None) -> None:
        """Take one object that `source` was told of."""
        if self._put(self._sources[source], item.ref, item, place):
            self._bump()

    def remove(self, source: str, ref: ObjectRef) -> None:
        """Forget one object, since its deletion was announced; unknown refs are fine."""
        if self._drop(self._sources[source], ref):
            self._bump()

    def resolve(self, resolutions: Mapping[str, Resolution]) -> None:
        """Replace the answers for all DNS names."""
        if dict(resolutions) != self._resolutions:
            self._resolutions = MappingProxyType(dict(resolutions))
            self._bump()

    def label(self, namespaces: Mapping[str, Mapping[str, str]]) -> None:
        """Replace the labels of all namespaces."""
        if dict(namespaces) != self._namespaces:
            frozen = {name: MappingProxyType(dict(labels)) for name, labels in namespaces.items()}
            self._namespaces = MappingProxyType(frozen)
            self._bump()

    def _bump(self) -> None:
        self._version += 1
        self._snapshot = None
        self._changed.set()
        self._changed = asyncio.Event()

    def _put(self, held: _Held, ref: ObjectRef, item: Object, place: Place | None) -> bool:
        """Returns whether that changes anything."""
        numbered, held.written[ref] = self._numbered(held, ref, item)
        if numbered is held.objects.get(ref) and place == held.places.get(ref):
            return False
        held.objects[ref] = numbered
        if place is None:
            held.places.pop(ref, None)
        else:
            held.places[ref] = place
        self._touched.add(ref)
        return True

    def _drop(self, held: _Held, ref: ObjectRef) -> bool:
        """Returns whether it was there."""
        held.written.pop(ref, None)
        held.places.pop(ref, None)
        self._touched.add(ref)
        return held.objects.pop(ref, None) is not None

    def _numbered(self, held: _Held, ref: ObjectRef, item: Object) -> tuple[Object, Object]:
        """The object with a generation, and as it was written; both are the ones held already if nothing changed.

        A generation that came with the object stands. Else haloy counts, as the API server does: from 1, and on with every change
        outside of the metadata.
        """
        before, numbered = held.written.get(ref), held.objects.get(ref)
        if before is None or numbered is None:
            return (item if item.generation else _with_generation(item, 1)), item
        if item is before or item == before:
            return numbered, before
        if item.generation:
            return item, item
        return _with_generation(item, numbered.generation + (0 if _same_content(item, before) else 1)), item

    def _merged(self) -> Snapshot:
        """The Snapshot before, with what was touched since as the first source has it that holds it."""
        objects: dict[ObjectRef, Object] = {}
        places: dict[ObjectRef, Place] = {}
        gone: list[ObjectRef] = []
        for ref in self._touched:
            holders = self._holders(ref)
            if holders:
                objects[ref], places[ref] = holders[0]
            else:
                gone.append(ref)
            (self._twice.add if len(holders) > 1 else self._twice.discard)(ref)
        self._objects, self._places = self._objects.revised(objects, gone), self._places.revised(places, gone)
        self._touched.clear()
        rejections = [rejection for held in self._sources.values() for rejection in held.rejections]
        for ref in sorted(self._twice):
            (_, winner), *others = self._holders(ref)
            rejections += [duplicate(ref, place, winner) for _, place in others]
        return Snapshot(
            objects=self._objects,
            rejections=tuple(rejections),
            resolutions=self._resolutions,
            namespaces=self._namespaces,
            places=self._places,
            synced=all(held.synced for held in self._sources.values()),
            at=self._clock.now(),
        )

    def _holders(self, ref: ObjectRef) -> list[tuple[Object, Place]]:
        return [
            (held.objects[ref], held.places.get(ref, Place(name)))
            for name, held in self._sources.items()
            if ref in held.objects
        ]


def duplicate(ref: ObjectRef, place: Place, winner: Place) -> Rejection:
    """The Rejection of a ref that is written a second time, at `place`."""
    problem = (
        f"{ref.kind} {ref.key} is written twice: here and in {winner}, which wins. Rename one of them, or remove it."
    )
    return Rejection(place, (problem,), ref)


def _with_generation(item: Object, generation: int) -> Object:
    if isinstance(item, TlsSecret):
        return replace(item, generation=generation)
    return item.model_copy(update={"metadata": item.metadata.model_copy(update={"generation": generation})})


def _same_content(item: Object, before: Object) -> bool:
    """Whether nothing but the metadata differs."""
    if isinstance(item, TlsSecret):
        return isinstance(before, TlsSecret) and replace(item, created=before.created) == before
    return not isinstance(before, TlsSecret) and item.model_copy(update={"metadata": before.metadata}) == before
