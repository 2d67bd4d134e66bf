"""Making HAProxy equal to what is wanted: at run time, else by a reload, else not at all.

The invariant: after each transaction the files of the current generation say what the process does. Every step in
between can be the last one of this haloy's life; `open` takes up from wherever that was.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from haloy.clock import Clock
from haloy.model.listener import Bind
from haloy.proxies.base import Applied, Failed, Outcome, Postponed, Refusal, ReloadCause, ReloadReason
from haloy.proxies.haproxy.apply.apply import StepFailed, read_back, source_of, take, undo_half_done
from haloy.proxies.haproxy.apply.candidate import ConfigFiles
from haloy.proxies.haproxy.apply.generations import Generation, Generations
from haloy.proxies.haproxy.apply.leftovers import Leftovers
from haloy.proxies.haproxy.apply.record import RecordError
from haloy.proxies.haproxy.apply.reload_log import ReloadLog, record_of
from haloy.proxies.haproxy.apply.reloading import Refused, Reloading, Target, recorded
from haloy.proxies.haproxy.events import Event, Noted, Reloaded
from haloy.proxies.haproxy.plan.plan import plan
from haloy.proxies.haproxy.plan.running import Running, ServerKey, after, command_limit
from haloy.proxies.haproxy.plan.steps import Plan, Reload, RemoveServer, RestoreServer
from haloy.proxies.haproxy.process.alerts import Alert, Severity
from haloy.proxies.haproxy.process.ports import first_taken
from haloy.proxies.haproxy.process.process import StartFailed
from haloy.proxies.haproxy.process.supervisor import Supervisor
from haloy.proxies.haproxy.runtime.cli_answers import CommandFailed
from haloy.proxies.haproxy.runtime.cli_commands import COMMAND_LIMIT
from haloy.proxies.haproxy.runtime.live import assemble, read_live
from haloy.proxies.haproxy.runtime.removals import Removals
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi, RuntimeUnavailable

_log = logging.getLogger(__name__)


class Transactions:
    """One HAProxy and its generations. `lock` is held by whoever changes or restarts it."""

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
    ) -> None:
        self.lock = lock
        self._api = api
        self._generations = generations
        self._reload_log = reload_log
        self._config_files = config_files
        self._clock = clock
        self._notify = notify
        self._min_reload_interval = min_reload_interval
        self._reloading = Reloading(api, generations, config_files)
        self._removals = Removals(api, lock, clock, sleep, server_drain, self._gone, self._gave_up)
        self._supervisor: Supervisor | None = None
        self._generation: Generation | None = None
        self._running: Running | None = None
        self._known: Target | None = None
        self._doubtful: Generation | None = None
        """Its files may not say what is meant: writing them failed half-way, or what they say was not brought about."""
        self._leftovers = Leftovers(generations)
        self._last_reload: float | None = None

    @property
    def revision(self) -> str:
        """What is live, "" when nothing is."""
        return "" if self._known is None or self.running is None else self._known.artifacts.revision

    @property
    def running(self) -> Running | None:
        """What runs, as far as is known; None before the start, while HAProxy is dead, and where it does not answer."""
        return self._running if self._alive else None

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
            reason = ReloadReason(ReloadCause.START, None, "nothing was applied before")
            try:
                refused = await self._install(zero, (reason,))
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

    async def reload(self, reason: ReloadReason) -> Outcome:
        """Reload what is live, as it is."""
        began, sent = self._clock.monotonic(), self._api.sent
        async with self.lock:
            if self._known is None:
                return Failed("", "reload", (Refusal(None, "nothing is live"),))
            try:
                return await self._reload(self._known, (reason,), began, sent)
            except OSError as error:
                return self._unwritable(error, began)

    async def came_up(self, generation: Generation) -> None:
        """A process has started on `generation`: learn what it does. Call with the lock held."""
        self._accept(generation, await asyncio.to_thread(self._recorded, generation))
        await self._learn()

    async def close(self, drain: float) -> None:
        await self._removals.close()
        if self._supervisor is not None:
            await self._supervisor.stop(drain)
        self._running = None
        await self._api.disconnect()

    def repair(self, generation: Generation) -> None:
        """Let the files of `generation` say what its record says: a crash may have come between the two.

        PEM is left as it lies there, since nothing else holds it. What cannot be written stays as it is, which HAProxy
        may well accept. Blocking. Raises RecordError.
        """
        error = self._reloading.repair(generation)
        if error:
            self._doubtful = generation
            _log.warning("the files of generation %s could not be put right: %s", generation.name, error)

    async def _take_up(self, generation: Generation) -> None:
        """Finish or undo what a killed haloy left half done in a process that kept running."""
        for note in await undo_half_done(self._api):
            self._notify(Noted(note))
        await self.came_up(generation)
        if self._known is None:
            return
        try:
            await self._finish(self._known)
        except OSError as error:
            self._notify(Noted(f"what an earlier haloy left half done could not be finished: {error}"))

    async def _finish(self, known: Target) -> None:
        made = self._plan(known)
        if made.reload is None:
            failure = await self._at_run_time(known, made)
            if failure is None:
                return
            reasons: tuple[ReloadReason, ...] = (ReloadReason(ReloadCause.RECOVERY, None, str(failure)),)
        else:
            reasons = tuple(ReloadReason(ReloadCause.RECOVERY, one.source, one.detail) for one in made.reload.reasons)
        await self._install(known, reasons)

    def _plan(self, target: Target) -> Plan:
        if not self._alive or self._running is None:
            why = "what HAProxy runs is not known" if self._alive else "HAProxy is not running"
            return Plan((Reload((ReloadReason(ReloadCause.RECOVERY, None, why),)),))
        return plan(self._running, target.artifacts, target.sizes, self._api.limit)

    def _too_soon(self) -> float:
        """Seconds until the next reload is due."""
        if self._last_reload is None:
            return 0.0
        return self._last_reload + self._min_reload_interval - self._clock.monotonic()

    async def _change(self, target: Target, began: float, sent: int) -> Outcome:
        await self._put_link_right()
        made = self._plan(target)
        if made.reload is None:
            failure = await self._at_run_time(target, made)
            if failure is None:
                return self._applied(target, sent, began)
            source = source_of(failure, target.artifacts)
            reasons: tuple[ReloadReason, ...] = (ReloadReason(ReloadCause.RUNTIME_FAILED, source, str(failure)),)
        else:
            failure, reasons = None, made.reload.reasons
        pause = self._too_soon()
        if pause > 0 and self._alive:
            if failure is None:
                failure = await self._meanwhile(target)
            if failure is not None:
                await self._roll_back()
            return Postponed(self.revision, pause, reasons, self._api.sent - sent)
        outcome = await self._reload(target, reasons, began, sent)
        if failure is not None and isinstance(outcome, Failed):
            await self._roll_back()
        return outcome

    async def _reload(self, target: Target, reasons: tuple[ReloadReason, ...], began: float, sent: int) -> Outcome:
        """A reload, or a start where nothing runs, which is not counted as one."""
        started = not self._alive
        refused = await self._install(target, reasons)
        if refused is not None:
            return Failed(self.revision, refused.step, refused.refusals, self._clock.monotonic() - began)
        return self._applied(target, sent, began, () if started else reasons)

    async def _meanwhile(self, target: Target) -> StepFailed | None:
        """Make live what of `target` needs no reload."""
        running, known = self._running, self._known
        if running is None or known is None:
            return None
        parts = known.with_parts_of(target, running, self._api.limit)
        made = self._plan(parts)
        return await self._at_run_time(parts, made) if made.reload is None and made.runtime else None

    @property
    def _alive(self) -> bool:
        return self._supervisor is not None and self._supervisor.process is not None

    async def _put_link_right(self) -> None:
        """A link that could not be turned, once, is turned now. Raises OSError."""
        generation = self._generation
        if generation is not None and self.running is not None and self._generations.current() != generation:
            await asyncio.to_thread(self._generations.activate, generation)

    async def _at_run_time(self, target: Target, made: Plan) -> StepFailed | None:
        """Files, then commands, then reading back. On failure the files say `target`, the process something between.

        Raises OSError when the files cannot be written; the process has been told nothing then.
        """
        running, generation = self._running, self._generation
        if running is None or generation is None or not (made.steps or generation == self._doubtful):
            return None
        await self._write(generation, target)
        steps = made.runtime
        for step in steps:
            if isinstance(step, RestoreServer):
                self._removals.cancel((step.section, step.server.name))
        try:
            await take(self._api, steps, target.materials)
            await read_back(self._api, steps, target.artifacts, target.pem, running)
        except StepFailed as failure:
            return failure
        self._running, self._known = after(running, target.artifacts, steps), target
        for step in steps:
            if isinstance(step, RemoveServer):
                self._removals.begin((step.section, step.server))
        return None

    async def _install(self, target: Target, reasons: tuple[ReloadReason, ...]) -> Refused | None:
        """A new generation of `target`, started and read back. None: it is live. A reload is logged and told either way."""
        if self._supervisor is None:
            raise RuntimeError("open() comes first")
        began, former, before = self._clock.monotonic(), self._known, self._generation
        reload = self._supervisor.process is not None
        result = await self._reloading.install(self._supervisor, target, before)
        refused = result if isinstance(result, Refused) else None
        if isinstance(result, Generation):
            self._accept(result, target)
            failure = await self._confirm(target)
            if failure is not None:
                step = "read back" if self._alive else "unavailable"
                refused = Refused(result, step, (Refusal(None, str(failure)),))
                await self._go_back(before, former, result)
        elif result.unsure:
            self._running = None
        if refused is not None:
            self._leftovers.add(refused.generation)
        seconds = self._clock.monotonic() - began
        if reload:
            if refused is None or refused.step != "check":
                self._last_reload = self._clock.monotonic()
            name = result.generation.name if isinstance(result, Refused) else result.name
            event = Reloaded(name, reasons, seconds, () if refused is None else refused.refusals)
            note = await asyncio.to_thread(self._reload_log.remember, record_of(event, self._clock.now()))
            if note:
                self._notify(Noted(note))
            self._notify(event)
        if self._generation is not None and (refused is None or not (refused.unsure or self._running is None)):
            note = await asyncio.to_thread(self._leftovers.clear, self._generation)
            if note:
                self._notify(Noted(note))
        return refused

    async def _write(self, generation: Generation, target: Target) -> None:
        self._doubtful = generation
        await asyncio.to_thread(self._reloading.write, generation, target)
        self._doubtful = None

    def _accept(self, generation: Generation, target: Target | None) -> None:
        """`target` (None: nobody knows what) is what the process has loaded, from `generation`."""
        self._removals.forget()
        self._generation, self._known = generation, target
        if self._api.limit is not None:
            self._api.limit = COMMAND_LIMIT if target is None else command_limit(target.artifacts)

    async def _confirm(self, target: Target) -> StepFailed | None:
        """After a reload: everything is read and compared; what is missing is said once at run time."""
        for again in (True, False):
            await self._learn()
            if self._running is None:
                return StepFailed("read back", "HAProxy did not answer")
            made = self._plan(target)
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

    async def _go_back(self, before: Generation | None, former: Target | None, refused: Generation) -> None:
        """To the generation before, after a reload that does not do what it should.

        What answers in the end is what counts as running, and what the link names; nothing does if nobody answers.
        """
        if before is None or former is None or self._supervisor is None:
            return
        switched = await self._reloading.go_back(self._supervisor, before, refused)
        if switched.serving == before:
            self._accept(before, former)
            await self._learn()
            return
        self._notify(Noted(f"going back to generation {before.name} failed: {switched.why}"))
        if switched.reason:
            self._running = None

    async def _learn(self) -> None:
        """Read everything back into `_running`; None if HAProxy does not answer or nobody knows what it was told."""
        self._running = None
        if self._known is None:
            return
        try:
            live = await read_live(self._api)
        except (RuntimeUnavailable, CommandFailed, ValueError) as error:
            self._notify(Noted(f"HAProxy's state could not be read: {error}"))
            return
        self._running = assemble(self._known.artifacts, live, self._known.pem)

    async def _roll_back(self) -> None:
        """Back to what was last known to be right, after a transaction that neither worked at run time nor by a reload."""
        if self._known is None or self._generation is None:
            return
        try:
            await self._write(self._generation, self._known)
        except OSError as error:
            self._notify(Noted(f"the files of what is live could not be restored: {error}"))
        await self._learn()
        if self._running is None:
            return
        try:
            await take(self._api, self._plan(self._known).runtime, self._known.materials)
        except StepFailed as error:
            self._notify(Noted(f"what was there before could not be restored completely: {error}"))
        await self._learn()
        running = self.running
        for key in running.leaving if running is not None else ():
            self._removals.begin(key)

    def _recorded(self, generation: Generation) -> Target | None:
        """None if the record is damaged."""
        try:
            return recorded(generation)
        except (RecordError, OSError) as error:
            _log.warning("%s", error)
            return None

    def _applied(self, target: Target, sent: int, began: float, reasons: tuple[ReloadReason, ...] = ()) -> Applied:
        return Applied(target.artifacts.revision, self._api.sent - sent, reasons, self._clock.monotonic() - began)

    def _unwritable(self, error: OSError, began: float) -> Failed:
        refusal = Refusal(None, f"the state folder cannot be written: {error}")
        return Failed(self.revision, "write", (refusal,), self._clock.monotonic() - began)

    def _gone(self, key: ServerKey) -> None:
        if self._running is not None:
            leaving = {one: server for one, server in self._running.leaving.items() if one != key}
            self._running = replace(self._running, leaving=leaving)

    def _gave_up(self, key: ServerKey, reason: str) -> None:
        self._notify(Noted(f"server {key[0]}/{key[1]} gets no requests but could not be deleted: {reason}"))
