"""Spare slots are laid out anew in the background, before there are none."""

import asyncio
from collections.abc import Awaitable, Callable

from haloy.proxies.base import Failed, Outcome, Postponed

FIRST_PAUSE = 10.0
LONGEST_PAUSE = 600.0
"""Seconds between attempts that are refused."""


class Refill:
    """One task, while there is a shortage. `needed` says whether there is one; `attempt` reloads, or says Postponed when that
    is not due; both are asked again each time, so that a change meanwhile is served first. `tell` hears of refusals."""

    def __init__(
        self,
        sleep: Callable[[float], Awaitable[None]],
        needed: Callable[[], bool],
        attempt: Callable[[], Awaitable[Outcome | None]],
        tell: Callable[[str], None],
    ) -> None:
        self._sleep = sleep
        self._needed = needed
        self._attempt = attempt
        self._tell = tell
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> bool:
        """Whether one is under way."""
        return self._task is not None and not self._task.done()

    def wake(self) -> None:
        """There may be a shortage now."""
        if self._needed() and not self.waiting:
            self._task = asyncio.create_task(self._run(), name="refill spare slots")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        pause = FIRST_PAUSE
        while self._needed():
            match await self._attempt():
                case Postponed() as later:
                    await self._sleep(max(later.seconds, 0.05))
                case Failed() as failed:
                    why = "; ".join(refusal.message for refusal in failed.refusals) or failed.step
                    self._tell(f"spare slots could not be laid out, the next attempt is in {pause:g} s: {why}")
                    await self._sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
                case _:
                    if self._needed():
                        self._tell(f"spare slots are few even so; the next attempt is in {pause:g} s")
                        await self._sleep(pause)
                        pause = min(2 * pause, LONGEST_PAUSE)
