"""The second look: a loss that was only inferred is not believed at first sight.

A directory vanishes for a moment when a mount, a checkout or an editor replaces it, and a list read at a bad moment may be short.
Taking such a reading at its word would take every host off the air, so objects that are missing stay in force until a second
reading, some time later, still misses them.
"""

from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass

from haloy.api.snapshot import Object, Place, Rejection
from haloy.model.refs import ObjectRef

SECOND_LOOK = 1.0
"""Seconds between the two readings."""
MASS = 20
"""Up to so many Routes a loss is never a mass loss."""


@dataclass(frozen=True, slots=True)
class Reading:
    """All that a source holds, read at one moment.

    `doubtful`: the reading may well be short (the root is missing, or something is rewriting it), so no loss in it is believed at
    once. `deleted`: refs whose deletion was announced by an event; they never count as an inferred mass loss. `settle`: seconds
    for which any single missing object is waited for (an editor that renames takes a file away for some milliseconds).
    `touched`: the only refs that may be others than in the reading before, of which `objects` and `places` hold those that are
    there; None: the reading is complete, and what it does not hold is not there.
    """

    objects: Mapping[ObjectRef, Object]
    places: Mapping[ObjectRef, Place]
    rejections: tuple[Rejection, ...] = ()
    doubtful: bool = False
    deleted: frozenset[ObjectRef] = frozenset()
    settle: float = 0.0
    touched: Set[ObjectRef] | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of the missing objects `held` stay in force for now, `gone` are gone; read again after `again` seconds (None: nothing is
    held)."""

    held: frozenset[ObjectRef] = frozenset()
    gone: frozenset[ObjectRef] = frozenset()
    again: float | None = None


class LossGuard:
    """Remembers since when each object of one source has been missing."""

    def __init__(self) -> None:
        self._missing_since: dict[ObjectRef, float] = {}

    def judge(self, before: Collection[ObjectRef], reading: Reading, now: float) -> Verdict:
        """Which of the objects in force `before`, and missing in `reading`, stay in force. `now` is monotonic, in seconds."""
        lost = [ref for ref in self._looked_for(before, reading.touched) if ref not in reading.objects]
        self._missing_since = {ref: self._missing_since.get(ref, now) for ref in lost}
        if not lost:
            return Verdict()
        patience = SECOND_LOOK if reading.doubtful or _is_mass_loss(before, lost, reading.deleted) else reading.settle
        left = {ref: patience - (now - self._missing_since[ref]) for ref in lost}
        held = frozenset(ref for ref, seconds in left.items() if seconds > 0)
        return Verdict(held, frozenset(lost) - held, min((left[ref] for ref in held), default=None))

    def _looked_for(self, before: Collection[ObjectRef], touched: Set[ObjectRef] | None) -> Iterable[ObjectRef]:
        """The objects in force that may be missing: of those that were not touched only what was missing already."""
        if touched is None:
            return before
        return (ref for ref in {*touched, *self._missing_since} if ref in before)


def _is_mass_loss(before: Collection[ObjectRef], lost: Collection[ObjectRef], deleted: Collection[ObjectRef]) -> bool:
    """More than half of more than 20 Routes, counting only what no event announced."""
    inferred = sum(ref.kind == "Route" and ref not in deleted for ref in lost)
    if 2 * inferred <= MASS:
        return False
    routes = sum(ref.kind == "Route" for ref in before)
    return routes > MASS and 2 * inferred > routes
