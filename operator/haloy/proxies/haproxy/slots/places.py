"""What is known of one Layout after the other, so that the next one costs what it changes."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Set

from haloy.model.revised import differing
from haloy.proxies.haproxy.artifacts import Server
from haloy.proxies.haproxy.slots.layout import Placement, Profile

POOL = "slot."
"""What the names of slots begin with (`slot_name`)."""

Numbers = Mapping[str, Set[int]]
"""By profile the numbers of some slots; a profile with none is not in it."""

Wanted = Mapping[str, tuple[Profile, tuple[Server, ...]]]
"""`Demand.clusters`."""


class Places:
    """Follows the placements that it is asked about. It saves work and nothing else: what it says of them does not depend on what it
    was asked before."""

    def __init__(self) -> None:
        self._followed: Mapping[str, Placement] = {}
        self._numbers: dict[str, set[int]] = {}
        self._counted: Mapping[str, Placement] = {}
        self._users: dict[str, Counter[str]] = {}
        self._due: tuple[Mapping[str, Placement], object, Mapping[str, int]] | None = None
        self._laid_out: tuple[Mapping[str, Placement], Wanted] | None = None
        self.looked_at = 0
        """Clusters that were looked at so far, for tests."""

    def numbers(self, placements: Mapping[str, Placement]) -> Numbers:
        """The slots that are taken. Valid until the next call."""
        others = differing(self._followed, placements)
        gone = [self._followed[name].slot for name in others if name in self._followed]
        for profile, some in numbers(gone).items():
            self._numbers[profile] -= some
            if not self._numbers[profile]:
                del self._numbers[profile]
        for profile, some in numbers(placements[name].slot for name in others if name in placements).items():
            self._numbers.setdefault(profile, set()).update(some)
        self._followed = placements
        self.looked_at += len(others)
        return self._numbers

    def users(self, placements: Mapping[str, Placement]) -> Mapping[str, Collection[str]]:
        """By profile the namespaces that have Clusters there. Valid until the next call."""
        others, touched = differing(self._counted, placements), set()
        for held, step in ((self._counted, -1), (placements, 1)):
            for name in others:
                if name in held:
                    profile = held[name].slot.removeprefix(POOL).partition(".")[0]
                    self._users.setdefault(profile, Counter())[name.partition("/")[0]] += step
                    touched.add(profile)
        for profile in touched:
            self._users[profile] = +self._users[profile]
            if not self._users[profile]:
                del self._users[profile]
        self._counted = placements
        self.looked_at += len(others)
        return self._users

    def due(
        self, placements: Mapping[str, Placement], others: object, found: Callable[[], Mapping[str, int]]
    ) -> Mapping[str, int]:
        """What `found` says of these placements and `others`: the last answer is kept."""
        if self._due is None or self._due[0] is not placements or self._due[1] != others:
            self._due = placements, others, found()
        return self._due[2]

    def others(self, placements: Mapping[str, Placement], clusters: Wanted) -> Collection[str]:
        """The Clusters of both that may want something else than what `placements` were made for."""
        if self._laid_out is not None and self._laid_out[0] is placements:
            found: Collection[str] = differing(self._laid_out[1], clusters)
        else:
            found = {**clusters, **placements}
        self.looked_at += len(found)
        return found

    def laid_out(self, placements: Mapping[str, Placement], clusters: Wanted) -> None:
        """`placements` were made for `clusters`."""
        self._laid_out = placements, clusters


def numbers(slots: Iterable[str]) -> dict[str, set[int]]:
    """By profile the numbers of `slots`."""
    found: dict[str, set[int]] = {}
    for slot in slots:
        pool, _, number = slot.rpartition(".")
        found.setdefault(pool.removeprefix(POOL), set()).add(int(number))
    return found
