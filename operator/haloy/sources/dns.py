"""The Resolver: keeps the addresses of the Backends' DNS names up to date in the Store."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from haloy.api.snapshot import Resolution
from haloy.sources.lookup import Answer, Answers, Lookup, SystemLookup
from haloy.sources.store import Store

_AT_ONCE = 50
_FIRST_RETRY, _LAST_RETRY = 1.0, 30.0


@dataclass(slots=True)
class _Name:
    """The last good answer of each family, and whether both failed the last time."""

    task: asyncio.Task[None] | None = None
    ipv4: tuple[str, ...] = ()
    ipv6: tuple[str, ...] = ()
    error: str | None = None
    failures: int = 0
    answered: bool = False


class Resolver:
    """Resolves the names that are wanted, again when their TTL ends (1 s to 300 s; 30 s where there is none).

    When a look-up fails, the last good addresses stay with the error beside them, and it is tried again after 1 s, 2 s, 4 s ... 30 s.
    `sleep` is replaced by tests, which do not wait.
    """

    def __init__(
        self,
        store: Store,
        lookup: Lookup | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._lookup = lookup if lookup is not None else SystemLookup()
        self._sleep = sleep
        self._names: dict[str, _Name] = {}
        self._wanted: frozenset[str] = frozenset()
        self._changed = asyncio.Event()
        self._progress = asyncio.Event()
        self._slots = asyncio.Semaphore(_AT_ONCE)

    def want(self, names: Iterable[str]) -> None:
        """From now on these, all of them and no others; lower case, without trailing dot."""
        wanted = frozenset(names)
        if wanted != self._wanted:
            self._wanted = wanted
            self._changed.set()

    async def first_answers(self, seconds: float) -> bool:
        """Wait until each name that is wanted has been looked up once; False if that takes longer."""
        try:
            async with asyncio.timeout(seconds):
                while not all(name in self._names and self._names[name].answered for name in self._wanted):
                    self._progress.clear()
                    await self._progress.wait()
        except TimeoutError:
            return False
        finally:
            self._publish()
        return True

    async def run(self) -> None:
        """Resolve until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._changed.clear()
                for name in self._names.keys() - self._wanted:
                    if (task := self._names.pop(name).task) is not None:
                        task.cancel()
                for name in sorted(self._wanted - self._names.keys()):
                    self._names[name] = _Name()
                    self._names[name].task = tasks.create_task(self._follow(name, self._names[name]))
                self._publish()
                self._progress.set()
                await self._changed.wait()

    async def _follow(self, name: str, state: _Name) -> None:
        while True:
            async with self._slots:
                answers = await self._lookup(name)
            delay = _learn(state, answers)
            self._progress.set()
            asyncio.get_running_loop().call_later(0.005, self._publish)
            await self._sleep(delay)

    def _publish(self) -> None:
        """A name without any answer so far is left out."""
        self._store.resolve(
            {
                name: Resolution(tuple(sorted({*state.ipv4, *state.ipv6})), state.error)
                for name, state in self._names.items()
                if state.answered
            }
        )


def _learn(state: _Name, answers: Answers) -> float:
    """Take the answers over; returns the seconds until the next look-up.

    A family that fails keeps its addresses; the name has failed if neither family has anything new to offer.
    """
    state.answered = True
    fresh = [*answers.ipv4.addresses, *answers.ipv6.addresses]
    errors = [answer.error for answer in (answers.ipv4, answers.ipv6) if answer.error is not None]
    if not fresh:
        state.error = errors[0] if errors else "the name has no addresses"
        state.failures += 1
        delay = min(_FIRST_RETRY * (1 << min(state.failures - 1, 10)), _LAST_RETRY)
        return delay * random.uniform(0.75, 1)
    state.error, state.failures = None, 0
    state.ipv4 = _taken(state.ipv4, answers.ipv4)
    state.ipv6 = _taken(state.ipv6, answers.ipv6)
    return answers.ttl


def _taken(before: tuple[str, ...], answer: Answer) -> tuple[str, ...]:
    return before if answer.error is not None else answer.addresses
