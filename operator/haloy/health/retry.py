"""Trying again with exponential back-off and jitter."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds between attempts: `first`, then `factor` times the one before, at most `longest`; each shortened by up to the
    share `jitter` at random, so that many who failed together do not come back together. `attempts` None: for ever."""

    first: float = 0.1
    factor: float = 2.0
    longest: float = 10.0
    jitter: float = 0.5
    attempts: int | None = 5

    def delays(self, chance: Callable[[], float] = random.random) -> Iterator[float]:
        """The waits between the attempts, one fewer than there are attempts. `chance` gives numbers from 0 to 1."""
        delay, left = self.first, self.attempts
        while left is None or left > 1:
            yield delay * (1 - self.jitter * chance())
            delay = min(delay * self.factor, self.longest)
            left = None if left is None else left - 1


async def retry(
    operation: Callable[[], Awaitable[T]],
    on: type[Exception],
    backoff: Backoff,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """The result of `operation`, tried again as long as it raises `on` and attempts are left; the last error is raised."""
    for delay in backoff.delays():
        try:
            return await operation()
        except on:
            await sleep(delay)
    return await operation()
