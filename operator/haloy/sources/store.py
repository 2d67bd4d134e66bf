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
        self._resolutions: dict[str, Resolution] = {}
        self._namespaces: dict[str, Mapping[str, str]] = {}
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
        written = {**reading.objects, **{ref: held.written[ref] for ref in verdict.held}}
        places = {**reading.places, **{ref: held.places[ref] for ref in verdict.held if ref in held.places}}
        objects: dict[ObjectRef, Object] = {}
        for ref, item in written.items():
            objects[ref], written[ref] = self._numbered(held, ref, item)
        changed = (
            not held.synced
            or objects.keys() != held.objects.keys()
            or any(item is not held.objects[ref] for ref, item in objects.items())
            or places != held.places
            or reading.rejections != held.rejections
        )
        held.written, held.objects, held.places, held.rejections = written, objects, places, reading.rejections
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
        held, ref = self._sources[source], item.ref
        numbered, held.written[ref] = self._numbered(held, ref, item)
        if numbered is held.objects.get(ref) and place == held.places.get(ref):
            return
        held.objects[ref] = numbered
        if place is None:
            held.places.pop(ref, None)
        else:
            held.places[ref] = place
        self._bump()

    def remove(self, source: str, ref: ObjectRef) -> None:
        """Forget one object, since its deletion was announced; unknown refs are fine."""
        held = self._sources[source]
        held.written.pop(ref, None)
        held.places.pop(ref, None)
        if held.objects.pop(ref, None) is not None:
            self._bump()

    def resolve(self, resolutions: Mapping[str, Resolution]) -> None:
        """Replace the answers for all DNS names."""
        if dict(resolutions) != self._resolutions:
            self._resolutions = dict(resolutions)
            self._bump()

    def label(self, namespaces: Mapping[str, Mapping[str, str]]) -> None:
        """Replace the labels of all namespaces."""
        if dict(namespaces) != self._namespaces:
            self._namespaces = {name: MappingProxyType(dict(labels)) for name, labels in namespaces.items()}
            self._bump()

    def _bump(self) -> None:
        self._version += 1
        self._snapshot = None
        self._changed.set()
        self._changed = asyncio.Event()

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
        objects: dict[ObjectRef, Object] = {}
        places: dict[ObjectRef, Place] = {}
        rejections: list[Rejection] = []
        for name, held in self._sources.items():
            rejections.extend(held.rejections)
            for ref, item in held.objects.items():
                place = held.places.get(ref, Place(name))
                if ref in objects:
                    rejections.append(duplicate(ref, place, places[ref]))
                else:
                    objects[ref], places[ref] = item, place
        return Snapshot(
            objects=MappingProxyType(objects),
            rejections=tuple(rejections),
            resolutions=MappingProxyType(dict(self._resolutions)),
            namespaces=MappingProxyType(dict(self._namespaces)),
            places=MappingProxyType(places),
            synced=all(held.synced for held in self._sources.values()),
            at=self._clock.now(),
        )


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
