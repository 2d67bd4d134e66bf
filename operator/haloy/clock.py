"""Time is handed in: nothing else in haloy reads the machine's clocks, so a test decides what time it is."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Two readings that must not be mixed: `now` is for people and certificates, `monotonic` for measuring how long."""

    def now(self) -> datetime:
        """The wall clock, time zone aware, in UTC. It may jump, forwards or backwards."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary point; never runs backwards."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class FakeClock:
    """A clock that stands still until told otherwise; for tests and for replays.

    Part of the package, not of the tests, because whoever writes a Source or a Proxy of their own needs it as well.
    """

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        """Begin at `start`, which must be time zone aware (ValueError otherwise); `monotonic` begins at 0."""
        if start.tzinfo is None:
            raise ValueError("a clock needs a time zone: pass datetime(..., tzinfo=UTC)")
        self._start = start.astimezone(UTC)
        self._elapsed = 0.0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    def advance(self, seconds: float) -> None:
        """Move both readings forwards by `seconds`; ValueError if negative, since monotonic time cannot go back."""
        if seconds < 0:
            raise ValueError(f"time only advances, got {seconds} s")
        self._elapsed += seconds

    def set_wall(self, now: datetime) -> None:
        """Make the wall clock jump to `now`, as NTP or an administrator may; `monotonic` stays what it is."""
        if now.tzinfo is None:
            raise ValueError("a clock needs a time zone: pass datetime(..., tzinfo=UTC)")
        self._start = now.astimezone(UTC) - timedelta(seconds=self._elapsed)
