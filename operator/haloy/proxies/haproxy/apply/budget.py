"""How soon the next reload may come: a burst is free, reloads that keep coming are not.

A reload leaves the old worker to the connections that it has, for ten minutes at most (`hard-stop-after`) and
`mworker-max-reloads` reloads. Whoever reloads HAProxy all the time would cut everybody's long connections, and fill the memory with
old workers.
"""

from collections.abc import Collection
from dataclasses import dataclass

from haloy.clock import Clock
from haloy.model.refs import ObjectRef
from haloy.proxies.base import ReloadCause, ReloadReason

BURST = 40
"""Reloads that come as fast as the interval lets them. With one a minute these are 50 in ten minutes: fewer than
`mworker-max-reloads` (render/templates/global.cfg.j2)."""

OF_ONE_OBJECT = 10
"""Of them, those that one object may be the only cause of."""

REFILLED_AFTER = 60.0
"""Seconds until there is one more, both of all and of one object's."""


@dataclass(frozen=True, slots=True)
class _Purse:
    """How many reloads there were at `at` (monotonic)."""

    left: float
    at: float

    def now(self, now: float, most: int, refill: float) -> float:
        return min(float(most), self.left + (now - self.at) / refill)


class ReloadBudget:
    """`interval`: seconds from one reload to the next at least. Those that nobody could put off are counted all the same."""

    def __init__(self, clock: Clock, interval: float) -> None:
        self._clock = clock
        self._interval = interval
        self._refill = max(REFILLED_AFTER, interval)
        self._all = _Purse(BURST, clock.monotonic())
        self._objects: dict[ObjectRef, _Purse] = {}
        self._last: float | None = None

    def pause(self, reasons: Collection[ReloadReason]) -> float:
        """Seconds until a reload for `reasons` is due, 0 or less: it is now. What recovers HAProxy waits for the interval only."""
        now = self._clock.monotonic()
        interval = 0.0 if self._last is None else self._last + self._interval - now
        if not reasons or any(reason.cause is ReloadCause.RECOVERY for reason in reasons):
            return interval
        objects = min(self._wait(self._of(source), OF_ONE_OBJECT) for source in _sources(reasons))
        return max(interval, self._wait(self._all, BURST), objects)

    def spend(self, reasons: Collection[ReloadReason]) -> None:
        """There was a reload, or an attempt that took HAProxy's time."""
        now = self._clock.monotonic()
        self._last = now
        self._all = _Purse(max(0.0, self._all.now(now, BURST, self._refill) - 1), now)
        left = {source: one.now(now, OF_ONE_OBJECT, self._refill) for source, one in self._objects.items()}
        for source in _sources(reasons):
            if source is not None:
                left[source] = max(0.0, left.get(source, float(OF_ONE_OBJECT)) - 1)
        self._objects = {source: _Purse(some, now) for source, some in left.items() if some < OF_ONE_OBJECT}

    def exhaust(self) -> None:
        """A reload has ended HAProxy: the next one comes when there is one again."""
        self._all = _Purse(0.0, self._clock.monotonic())

    def _of(self, source: ObjectRef | None) -> _Purse | None:
        return None if source is None else self._objects.get(source)

    def _wait(self, purse: _Purse | None, most: int) -> float:
        if purse is None:
            return 0.0
        lacking = 1 - purse.now(self._clock.monotonic(), most, self._refill)
        return max(0.0, round(lacking * self._refill, 3))


def _sources(reasons: Collection[ReloadReason]) -> set[ObjectRef | None]:
    return {reason.source for reason in reasons}
