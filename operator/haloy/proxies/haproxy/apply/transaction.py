"""Making HAProxy equal to what is wanted: at run time, else by a reload, else not at all.

The invariant: after each transaction the files of the current generation say what the process does. Every step in
between can be the last one of this haloy's life; `open` takes up from wherever that was.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from haloy.clock import Clock
from haloy.model.listener import Bind
from haloy.model.refs import ObjectRef
from haloy.proxies.base import Applied, Failed, Outcome, Postponed, Refusal, ReloadCause, ReloadReason, Traffic
from haloy.proxies.haproxy.apply.apply import StepFailed, read_back, source_of, take, undo_half_done
from haloy.proxies.haproxy.apply.budget import ReloadBudget
from haloy.proxies.haproxy.apply.candidate import ConfigFiles
from haloy.proxies.haproxy.apply.generations import Generation, Generations
from haloy.proxies.haproxy.apply.installing import Installing
from haloy.proxies.haproxy.apply.later import Later
from haloy.proxies.haproxy.apply.ledger import Ledger
from haloy.proxies.haproxy.apply.present import Present
from haloy.proxies.haproxy.apply.refill import Refill
from haloy.proxies.haproxy.apply.reload_log import ReloadLog
from haloy.proxies.haproxy.apply.reloading import Reloading
from haloy.proxies.haproxy.apply.target import Target
from haloy.proxies.haproxy.events import Event, Noted
from haloy.proxies.haproxy.plan.plan import plan
from haloy.proxies.haproxy.plan.running import Running, after
from haloy.proxies.haproxy.plan.steps import Plan, Reload
from haloy.proxies.haproxy.plan.waiting import waiting
from haloy.proxies.haproxy.process.alerts import Alert, Severity
from haloy.proxies.haproxy.process.ports import first_taken
from haloy.proxies.haproxy.process.process import StartFailed
from haloy.proxies.haproxy.process.supervisor import Supervisor
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi
from haloy.proxies.haproxy.slots.lay_out import shortage
from haloy.proxies.haproxy.slots.layout import Layout, Leaving, Pools
from haloy.proxies.haproxy.slots.places import Places

_log = logging.getLogger(__name__)


class Transactions:
    """One HAProxy and its generations. `lock` is held by whoever changes or restarts it. `pools`: how many spare slots there
    shall be, refilled in the background."""

    def __init__(
        self,
        api: RuntimeApi,
        generations: Generations,
        reload_log: ReloadLog,
        config_files: ConfigFiles,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]],
        lock: asyncio.Lock,
        notify: Callable[[Event], None],
        min_reload_interval: float,
        server_drain: float,
        pools: Pools = Pools(0),  # noqa: B008 - a value
    ) -> None:
        self.lock = lock
        self._api = api
        self._generations = generations
        self._clock = clock
        self._sleep = sleep
        self._notify = notify
        self._budget = ReloadBudget(clock, min_reload_interval)
        self._pools = pools
        self._places = Places()
        self._ledger = Ledger(generations, config_files, sleep, notify)
        self._present = Present(api, lambda text: notify(Noted(text)))
        baselines = generations.link.with_name("baselines.jsonl")
        self._later = Later(api, lock, clock, sleep, server_drain, self._present, baselines, notify)
        reloading = Reloading(api, generations, config_files, self._ledger)
        self._installing = Installing(
            api, generations, reloading, reload_log, self._present, self._later, clock, notify, self._budget
        )
        self._refill = Refill(sleep, self._short, self._refilled, lambda text: notify(Noted(text)))
        self._supervisor: Supervisor | None = None
        self._doubtful: Generation | None = None
        """Its files may not say what is meant: writing them failed half-way, or what they say was not brought about."""

    @property
    def revision(self) -> str:
        """What is live, "" when nothing is."""
        known = self._present.known
        return "" if known is None or self.running is None else known.artifacts.revision

    @property
    def running(self) -> Running | None:
        """What runs, as far as is known; None before the start, while HAProxy is dead, and where it does not answer."""
        return self._present.running if self._alive else None

    @property
    def layout(self) -> Layout:
        """What is live: which Cluster has which slot, and the truth about what rests. A reload is laid out around it."""
        return self._present.layout

    @property
    def leaving(self) -> Leaving:
        """Servers that HAProxy has and that are on their way out."""
        running = self._present.running
        return {} if running is None else running.leaving

    @property
    def baselines(self) -> Mapping[str, Traffic]:
        """By slot: what was counted there before its present Cluster came."""
        return self._later.baselines

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do: nothing to delete, no slot that rests, no refill under way."""
        return self._later.settled and not self._refill.waiting

    async def open(self, supervisor: Supervisor, zero: Target, binds: Sequence[Bind]) -> None:
        """Bring HAProxy up: the orphan of an earlier haloy, else the last known good, else `zero`.

        Raises StartFailed when not even `zero` starts (a port that is taken, a full disk).
        """
        self._supervisor = supervisor
        async with self.lock:
            await asyncio.to_thread(self._generations.open)
            generation = await supervisor.adopt()
            if generation is not None:
                await self._take_up(generation)
                return
            if (taken := await asyncio.to_thread(first_taken, binds)) is not None:
                raise StartFailed(taken, ())
            generation = await supervisor.boot()
            if generation is not None:
                await self.came_up(generation)
                return
            supervisor.tell_lost()
            reason = ReloadReason(ReloadCause.START, None, "nothing was applied before")
            try:
                refused = await self._installing.install(supervisor, zero, (reason,))
            except OSError as error:
                raise StartFailed(f"the state folder cannot be written: {error}", ()) from error
            if refused is not None:
                messages = tuple(Alert(Severity.ALERT, refusal.message) for refusal in refused.refusals)
                raise StartFailed("HAProxy does not start, not even on an empty configuration", messages)

    async def change(self, target: Target) -> Outcome:
        """Make `target` live. Where that takes a reload and it is too soon for one, only what needs none: Postponed.

        A state folder that cannot be written is a failure of step `write`: what is live stays, and so does its folder.
        """
        began, sent = self._clock.monotonic(), self._api.sent
        async with self.lock:
            try:
                return await self._change(target, began, sent)
            except OSError as error:
                return self._unwritable(error, began)
            finally:
                self._refill.wake()

    async def reload(self, reason: ReloadReason) -> Outcome:
        """Reload what is live, as it is, with all spare slots."""
        began, sent = self._clock.monotonic(), self._api.sent
        async with self.lock:
            known = self._present.known
            if known is None:
                return Failed("", "reload", (Refusal(None, "nothing is live"),))
            try:
                return await self._reload(known.laid_out_fresh(), (reason,), began, sent)
            except OSError as error:
                return self._unwritable(error, began)

    async def came_up(self, generation: Generation) -> None:
        """A process has started on `generation`: learn what it does. Call with the lock held."""
        await self._installing.accept_recorded(generation)
        await self._installing.learn()

    async def look_after(self) -> None:
        """See whether HAProxy runs the process that was told: if somebody else reloaded it, it is brought up to what is
        meant. Nothing is done in the middle of a transaction, which sees to that itself."""
        if not self.lock.locked():
            async with self.lock:
                try:
                    await self._told_another()
                except OSError as error:
                    self._notify(Noted(f"what HAProxy runs could not be put right: {error}"))

    async def close(self, drain: float) -> None:
        await self._refill.close()
        await self._later.close()
        if self._supervisor is not None:
            await self._supervisor.stop(drain)
        await self._ledger.close()
        self._present.running = None
        await self._api.disconnect()

    def repair(self, generation: Generation) -> None:
        """Let the files of `generation` say what its record says: a crash may have come between the two.

        PEM is left as it lies there, since nothing else holds it. What cannot be written stays as it is, which HAProxy
        may well accept. Blocking. Raises RecordError.
        """
        error = self._ledger.repair(generation)
        if error:
            self._doubtful = generation
            _log.warning("the files of generation %s could not be put right: %s", generation.name, error)

    async def _take_up(self, generation: Generation) -> None:
        """Finish or undo what a killed haloy left half done in a process that kept running."""
        for note in await undo_half_done(self._api):
            self._notify(Noted(note))
        await self._installing.accept_recorded(generation)
        known = self._present.known
        if known is None:
            return
        await self._installing.learn(known.artifacts.layout.resting)
        await self._later.take_counters_up()
        try:
            await self._finish(known)
        except OSError as error:
            self._notify(Noted(f"what an earlier haloy left half done could not be finished: {error}"))

    async def _finish(self, known: Target) -> None:
        """Bring what runs up to `known`, at run time if that is possible."""
        made = self._plan(known)
        if made.reload is None:
            if (failure := await self._at_run_time(known, made)) is None:
                return
            await self._installing.learn()  # should the reload come to nothing
            reasons: tuple[ReloadReason, ...] = (ReloadReason(ReloadCause.RECOVERY, None, str(failure)),)
        else:
            reasons = tuple(ReloadReason(ReloadCause.RECOVERY, one.source, one.detail) for one in made.reload.reasons)
        if self._supervisor is not None:
            await self._installing.install(self._supervisor, known, reasons)

    async def _told_another(self) -> None:
        """Somebody else may have reloaded HAProxy: the process that was told serves no more, and the one that does has read
        files that may be some changes behind. Raises OSError."""
        process = None if self._supervisor is None else self._supervisor.process
        if process is not None and (found := await self._installing.take_up_another(process, self._sleep)) is not None:
            await self._finish(found)

    def _plan(self, target: Target) -> Plan:
        running = self.running
        if running is None:
            why = "what HAProxy runs is not known" if self._alive else "HAProxy is not running"
            return Plan((Reload((ReloadReason(ReloadCause.RECOVERY, None, why),)),))
        return plan(running, target.artifacts, target.sizes, self._api.limit)

    async def _change(self, target: Target, began: float, sent: int) -> Outcome:
        if self._alive:
            await self._installing.put_link_right()
        await self._told_another()
        target = target.up_to_date(self.layout)
        made = self._plan(target)
        if made.reload is None:
            failure = await self._at_run_time(target, made)
            if failure is None:
                return self._applied(target, sent, began)
            source = source_of(failure, target.artifacts)
            reasons: tuple[ReloadReason, ...] = (ReloadReason(ReloadCause.RUNTIME_FAILED, source, str(failure)),)
        else:
            failure, reasons = None, made.reload.reasons
        pause = self._budget.pause(reasons)
        if pause > 0 and self._alive:
            parted = await self._without_reload(target, failure)
            waits = self._waiting(target, reasons) if parted else None
            return Postponed(self.revision, pause, reasons, self._api.sent - sent, waits)
        try:
            outcome = await self._reload(target.laid_out_fresh(), reasons, began, sent)
        except OSError:
            if failure is not None:
                await self._roll_back()
            raise
        if isinstance(outcome, Failed):
            waits = None
            try:
                if await self._without_reload(target, failure):
                    waits = self._waiting(target, reasons)
            except OSError as error:
                self._notify(Noted(f"what needs no reload could not be made live: {error}"))
            seconds = self._clock.monotonic() - began
            return replace(outcome, revision=self.revision, seconds=seconds, waiting=waits)
        return outcome

    async def _without_reload(self, target: Target, failure: StepFailed | None) -> bool:
        """Make live what of `target` needs no reload. After a `failure` at run time, what was live before is put back instead: False."""
        if failure is None:
            failure = await self._meanwhile(target)
        if failure is not None:
            await self._roll_back()
        return failure is None

    def _waiting(self, target: Target, reasons: tuple[ReloadReason, ...]) -> tuple[ObjectRef, ...] | None:
        known = self._present.known
        return None if known is None or self.running is None else waiting(known.artifacts, target.artifacts, reasons)

    async def _reload(self, target: Target, reasons: tuple[ReloadReason, ...], began: float, sent: int) -> Outcome:
        """A reload, or a start where nothing runs, which is not counted as one."""
        if self._supervisor is None:
            raise RuntimeError("open() comes first")
        started = not self._alive
        if (deadly := self._installing.deadly(target)) is not None:
            return Failed(self.revision, "reload", (deadly,))
        refused = await self._installing.install(self._supervisor, target, reasons)
        if refused is not None:
            return Failed(self.revision, refused.step, refused.refusals, self._clock.monotonic() - began)
        return self._applied(target, sent, began, () if started else reasons)

    async def _meanwhile(self, target: Target) -> StepFailed | None:
        """Make live what of `target` needs no reload."""
        running, known = self.running, self._present.known
        if running is None or known is None:
            return None
        parts = known.with_parts_of(target, running, self._api.limit)
        made = self._plan(parts)
        return await self._at_run_time(parts, made) if made.reload is None and made.runtime else None

    def _short(self) -> bool:
        """Whether spare slots are few, and more can be laid out."""
        known = self._present.known
        return (
            self.running is not None
            and known is not None
            and known.again is not None
            and bool(shortage(self.layout, self._pools, self._places))
        )

    async def _refilled(self) -> Outcome | None:
        """Lay spare slots out anew; None if there is no need any more."""
        began, sent = self._clock.monotonic(), self._api.sent
        async with self.lock:
            known = self._present.known
            if known is None or not self._short():
                return None
            few = ", ".join(shortage(self.layout, self._pools, self._places))
            reason = ReloadReason(ReloadCause.POOL_REFILL, None, f"few spare slots are left of profile {few}")
            if (pause := self._budget.pause((reason,))) > 0:
                return Postponed(self.revision, pause, (reason,))
            try:
                return await self._reload(known.laid_out_fresh(), (reason,), began, sent)
            except OSError as error:
                return self._unwritable(error, began)

    @property
    def _alive(self) -> bool:
        return self._supervisor is not None and self._supervisor.process is not None

    async def _at_run_time(self, target: Target, made: Plan) -> StepFailed | None:
        """On record, then commands, then reading back. On failure the record says `target`, the process something between.

        Raises OSError when it cannot be put on record; the process has been told nothing then.
        """
        present = self._present
        running, generation, known = self.running, present.generation, present.known
        if running is None or generation is None or known is None:
            return None
        if generation == self._doubtful:
            await self._ledger.flush(generation, target)
            self._doubtful = None
        elif made.steps:
            await self._ledger.note(generation, known.artifacts, target)
        steps = made.runtime
        self._later.restore(steps)
        try:
            await take(self._api, steps, target.materials)
            await read_back(self._api, steps, target.artifacts, target.materials, running)
        except StepFailed as failure:
            return failure
        if made.steps:
            present.running = after(running, target.artifacts, steps)
            self._later.after(steps)
        present.known = target
        return None

    async def _roll_back(self) -> None:
        """Back to what was last known to be right, after a transaction that neither worked at run time nor by a reload."""
        known, generation = self._present.known, self._present.generation
        if known is None or generation is None:
            return
        try:
            await self._ledger.flush(generation, known)
        except OSError as error:
            self._doubtful = generation
            self._notify(Noted(f"the files of what is live could not be restored: {error}"))
        if self._present.running is not None:  # else nobody knows which generation serves
            await self._installing.learn()
        if self._present.running is None:
            return
        try:
            await take(self._api, self._plan(known).runtime, known.materials)
        except StepFailed as error:
            self._notify(Noted(f"what was there before could not be restored completely: {error}"))
        await self._installing.learn()

    def _applied(self, target: Target, sent: int, began: float, reasons: tuple[ReloadReason, ...] = ()) -> Applied:
        return Applied(target.artifacts.revision, self._api.sent - sent, reasons, self._clock.monotonic() - began)

    def _unwritable(self, error: OSError, began: float) -> Failed:
        refusal = Refusal(None, f"the state folder cannot be written: {error}")
        return Failed(self.revision, "write", (refusal,), self._clock.monotonic() - began)
