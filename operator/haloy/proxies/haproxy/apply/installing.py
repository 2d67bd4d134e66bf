"""A target by a reload, or by a start: a new generation, installed, read back, or taken back."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace

from haloy.clock import Clock
from haloy.proxies.base import Refusal, ReloadReason
from haloy.proxies.haproxy.apply.apply import StepFailed, take
from haloy.proxies.haproxy.apply.budget import ReloadBudget
from haloy.proxies.haproxy.apply.deadly import MESSAGE, Deadly
from haloy.proxies.haproxy.apply.generations import Generation, Generations
from haloy.proxies.haproxy.apply.later import Later
from haloy.proxies.haproxy.apply.leftovers import Leftovers
from haloy.proxies.haproxy.apply.present import Present
from haloy.proxies.haproxy.apply.record import RecordError
from haloy.proxies.haproxy.apply.reload_log import ReloadLog, record_of
from haloy.proxies.haproxy.apply.reloading import Refused, Reloading
from haloy.proxies.haproxy.apply.replaced import replaced
from haloy.proxies.haproxy.apply.target import Target, recorded
from haloy.proxies.haproxy.events import Event, Noted, Reloaded
from haloy.proxies.haproxy.plan.plan import plan
from haloy.proxies.haproxy.process.process import HaproxyProcess
from haloy.proxies.haproxy.process.supervisor import Supervisor
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi
from haloy.proxies.haproxy.slots.layout import Layout
from haloy.proxies.haproxy.true_names import TrueNames

_log = logging.getLogger(__name__)

_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM)


class Installing:
    """Called with the lock of the transactions held. `budget` is told of every reload, and of those that end HAProxy."""

    def __init__(
        self,
        api: RuntimeApi,
        generations: Generations,
        reloading: Reloading,
        reload_log: ReloadLog,
        present: Present,
        later: Later,
        clock: Clock,
        notify: Callable[[Event], None],
        budget: ReloadBudget,
    ) -> None:
        self._api = api
        self._reloading = reloading
        self._reload_log = reload_log
        self._present = present
        self._later = later
        self._clock = clock
        self._notify = notify
        self._budget = budget
        self._deadly = Deadly()
        self._generations = generations
        self._leftovers = Leftovers(generations)

    async def install(
        self, supervisor: Supervisor, target: Target, reasons: tuple[ReloadReason, ...]
    ) -> Refused | None:
        """A new generation of `target`, started and read back. None: it is live. A reload is logged and told either way.

        Raises OSError when something could not be written: nothing has changed then.
        """
        present = self._present
        began, former, before = self._clock.monotonic(), present.known, present.generation
        reload, names = supervisor.process is not None, _true_names(target, present.layout)
        result = await self._reloading.install(supervisor, target, before, present.layout)
        refused = result if isinstance(result, Refused) else None
        if isinstance(result, Generation):
            self.accept(result, target)
            failure = await self._confirm(target)
            if failure is not None:
                step = "read back" if supervisor.process is not None else "unavailable"
                refused = Refused(result, step, (Refusal(None, str(failure)),))
                await self._go_back(supervisor, before, former, result)
        elif result.unsure:
            present.running = None
        if refused is not None:
            refused = replace(refused, refusals=names.refusals(refused.refusals))
        if isinstance(result, Refused) and result.died is not None:
            self._deadly.died(target, chance=result.died in _FROM_OUTSIDE)
            self._budget.exhaust()
        if refused is not None:
            self._leftovers.add(refused.generation)
        if reload:
            name = result.generation.name if isinstance(result, Refused) else result.name
            await self._told(name, refused, names.reasons(reasons), self._clock.monotonic() - began)
        if present.generation is not None and (refused is None or not (refused.unsure or present.running is None)):
            note = await asyncio.to_thread(self._leftovers.clear, present.generation)
            if note:
                self._notify(Noted(note))
        return refused

    def deadly(self, target: Target) -> Refusal | None:
        """Why `target` must not be tried: HAProxy died of it."""
        return Refusal(None, MESSAGE) if target in self._deadly else None

    def accept(self, generation: Generation, target: Target | None) -> None:
        """Another process serves: it has loaded `target` from `generation`."""
        self._later.forget()
        self._present.accept(generation, target)

    async def accept_recorded(self, generation: Generation) -> None:
        """Another process serves: it has loaded `generation`, which is what its record says. Where that is what was meant
        before, it can be laid out again as that could."""
        known = await asyncio.to_thread(_recorded, generation)
        before = self._present.known
        if known is not None and before is not None and before.artifacts.revision == known.artifacts.revision:
            known = replace(known, again=before.again, blame=before.blame)
        self.accept(generation, known)

    async def put_link_right(self) -> None:
        """A link that could not be turned, once, is turned now. Raises OSError."""
        generation = self._present.generation
        if generation is not None and self._present.running is not None and self._generations.current() != generation:
            await asyncio.to_thread(self._generations.activate, generation)

    async def take_up_another(
        self, process: HaproxyProcess, sleep: Callable[[float], Awaitable[None]]
    ) -> Target | None:
        """Where a process serves that somebody else has started: what that was meant to load, to be put right. None: the one
        that was told serves, or nobody knows what another one has loaded."""
        present = self._present
        if present.worker is None or present.known is None:
            return None
        if not await replaced(process, present.worker, self._clock, sleep):
            return None
        self._notify(Noted("somebody else has reloaded HAProxy; all that it does is read and put right"))
        await self._api.disconnect()
        answer = await process.revision()
        generation = None if answer is None else self._generations.find(answer)
        if generation is None:
            present.running = None
            return None
        if generation == present.generation:
            self.accept(generation, present.known)
        else:
            await self.accept_recorded(generation)
        await self.learn()
        return present.known

    async def learn(self, former: frozenset[str] = frozenset()) -> None:
        """Read everything back, and take up what is to be deleted. `former`: slots that rested, by the record."""
        await self._present.learn(self._later.resting)
        await self._later.take_up(former)

    async def _told(
        self, name: str, refused: Refused | None, reasons: tuple[ReloadReason, ...], seconds: float
    ) -> None:
        if refused is None or refused.step != "check":
            self._budget.spend(reasons)
        event = Reloaded(name, reasons, seconds, () if refused is None else refused.refusals)
        note = await asyncio.to_thread(self._reload_log.remember, record_of(event, self._clock.now()))
        if note:
            self._notify(Noted(note))
        self._notify(event)

    async def _confirm(self, target: Target) -> StepFailed | None:
        """After a reload: everything is read and compared; what is missing is said once at run time."""
        for again in (True, False):
            await self.learn()
            running = self._present.running
            if running is None:
                return StepFailed("read back", "HAProxy did not answer")
            made = plan(running, target.artifacts, target.sizes, self._api.limit)
            if not made.steps:
                return None
            failure = StepFailed("read back", f"still to do: {made}")
            if made.reload is not None or not again:
                return failure
            try:
                await take(self._api, made.runtime, target.materials)
            except StepFailed as error:
                return error
        return None

    async def _go_back(
        self, supervisor: Supervisor, before: Generation | None, former: Target | None, refused: Generation
    ) -> None:
        """To the generation before, after a reload that does not do what it should.

        What answers in the end is what counts as running, and what the link names; nothing does if nobody answers.
        """
        if before is None or former is None:
            return
        switched = await self._reloading.go_back(supervisor, before, refused)
        if switched.serving == before:
            self.accept(before, former)
            await self.learn()
            return
        self._notify(Noted(f"going back to generation {before.name} failed: {switched.why}"))
        if switched.reason:
            self._present.running = None


def _true_names(target: Target, before: Layout) -> TrueNames:
    return TrueNames(lambda: target.artifacts.layout, lambda: before)


def _recorded(generation: Generation) -> Target | None:
    """None if the record is damaged."""
    try:
        return recorded(generation)
    except (RecordError, OSError) as error:
        _log.warning("%s", error)
        return None
