"""Making HAProxy equal to what is wanted: at run time, else by a reload, else not at all.

The invariant: after each transaction the files of the current generation say what the process does. Every step in
between can be the last one of this haloy's life; `open` takes up from wherever that was.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from haloy.clock import Clock
from haloy.model.listener import Bind
from haloy.proxies.base import Applied, Failed, Outcome, Refusal, ReloadCause, ReloadReason
from haloy.proxies.haproxy.apply.apply import StepFailed, read_back, source_of, take
from haloy.proxies.haproxy.apply.candidate import ConfigFiles
from haloy.proxies.haproxy.apply.generations import Generation, Generations
from haloy.proxies.haproxy.apply.record import RecordError, read_record
from haloy.proxies.haproxy.apply.reload_log import ReloadLog, record_of
from haloy.proxies.haproxy.apply.reloading import Refused, Reloading, Target
from haloy.proxies.haproxy.events import Event, Noted, Reloaded
from haloy.proxies.haproxy.plan.plan import plan
from haloy.proxies.haproxy.plan.running import Running, ServerKey, after, command_limit
from haloy.proxies.haproxy.plan.steps import Plan, Reload, RemoveServer, RestoreServer
from haloy.proxies.haproxy.process.alerts import Alert, Severity
from haloy.proxies.haproxy.process.ports import first_taken
from haloy.proxies.haproxy.process.process import StartFailed
from haloy.proxies.haproxy.process.supervisor import Supervisor
from haloy.proxies.haproxy.runtime import certificates, maps_runtime
from haloy.proxies.haproxy.runtime.cli_answers import CommandFailed
from haloy.proxies.haproxy.runtime.cli_commands import COMMAND_LIMIT
from haloy.proxies.haproxy.runtime.live import assemble, read_live
from haloy.proxies.haproxy.runtime.removals import Removals
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi, RuntimeUnavailable


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
        self._sleep = sleep
        self._notify = notify
        self._min_reload_interval = min_reload_interval
        self._reloading = Reloading(api, generations, config_files)
        self._removals = Removals(api, lock, clock, sleep, server_drain, self._gone, self._gave_up)
        self._supervisor: Supervisor | None = None
        self._generation: Generation | None = None
        self._running: Running | None = None
        self._known: Target | None = None
        self._last_reload: float | None = None

    @property
    def revision(self) -> str:
        """What is live, "" when nothing is."""
        return "" if self._known is None or self._running is None else self._known.artifacts.revision

    @property
    def running(self) -> Running | None:
        """What runs, as far as is known; None before the start and after a death."""
        return self._running

    async def open(self, supervisor: Supervisor, zero: Target, binds: Sequence[Bind]) -> None:
        """Bring HAProxy up: the orphan of an earlier haloy, else the last known good, else `zero`.

        Raises StartFailed when not even `zero` starts (a port that is taken).
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
            refused = await self._install(zero, (ReloadReason(ReloadCause.START, None, "nothing was applied before"),))
            if refused is not None:
                messages = tuple(Alert(Severity.ALERT, refusal.message) for refusal in refused.refusals)
                raise StartFailed("HAProxy does not start, not even on an empty configuration", messages)

    async def change(self, target: Target) -> Outcome:
        """Make `target` live. A reload that comes too soon after the one before waits, and everything with it."""
        began, sent = self._clock.monotonic(), self._api.sent
        forced: tuple[ReloadReason, ...] = ()
        while True:
            async with self.lock:
                made = self._plan(target)
                if made.reload is None and not forced:
                    failure = await self._at_run_time(target, made)
                    if failure is None:
                        return self._applied(target, sent, began)
                    source = source_of(failure, target.artifacts)
                    forced = (ReloadReason(ReloadCause.RUNTIME_FAILED, source, str(failure)),)
                pause = self._too_soon()
                if pause <= 0:
                    reasons = forced or (made.reload.reasons if made.reload is not None else ())
                    refused = await self._install(target, reasons)
                    if refused is None:
                        return self._applied(target, sent, began, reasons)
                    if forced:
                        await self._roll_back()
                    return self._failed(refused, began)
            await self._sleep(pause)

    async def reload(self, reason: ReloadReason) -> Outcome:
        """Reload what is live, as it is."""
        began, sent = self._clock.monotonic(), self._api.sent
        async with self.lock:
            if self._known is None:
                return Failed("", "reload", (Refusal(None, "nothing is live"),))
            refused = await self._install(self._known, (reason,))
            if refused is not None:
                return self._failed(refused, began)
            return self._applied(self._known, sent, began, (reason,))

    async def came_up(self, generation: Generation) -> None:
        """A process has started on `generation`: learn what it does. Call with the lock held."""
        self._accept(generation, self._recorded(generation))
        await self._learn()

    async def close(self, drain: float) -> None:
        await self._removals.close()
        if self._supervisor is not None:
            await self._supervisor.stop(drain)
        self._running = None
        await self._api.disconnect()

    def repair(self, generation: Generation) -> None:
        """Let the files of `generation` say what its record says: a crash may have come between the two.

        PEM is left as it lies there, since nothing else holds it. Raises RecordError.
        """
        artifacts = read_record(generation)
        self._generations.update(generation, self._config_files(artifacts))

    async def _take_up(self, generation: Generation) -> None:
        """Finish or undo what a killed haloy left half done in a process that kept running."""
        try:
            for name in await certificates.abort_open(self._api):
                self._notify(Noted(f"aborted the transaction of {name} that was left open"))
            await maps_runtime.clear_unfinished(self._api)
        except (RuntimeUnavailable, CommandFailed) as error:
            self._notify(Noted(f"what an earlier haloy left half done could not be undone: {error}"))
        await self.came_up(generation)
        if self._known is None:
            return
        made = self._plan(self._known)
        if made.reload is None:
            failure = await self._at_run_time(self._known, made)
            if failure is None:
                return
            reasons: tuple[ReloadReason, ...] = (ReloadReason(ReloadCause.RECOVERY, None, str(failure)),)
        else:
            reasons = tuple(ReloadReason(ReloadCause.RECOVERY, one.source, one.detail) for one in made.reload.reasons)
        await self._install(self._known, reasons)

    def _plan(self, target: Target) -> Plan:
        if self._supervisor is None or self._supervisor.process is None:
            return Plan((Reload((ReloadReason(ReloadCause.RECOVERY, None, "HAProxy is not running"),)),))
        if self._running is None:
            return Plan((Reload((ReloadReason(ReloadCause.RECOVERY, None, "what HAProxy runs is not known"),)),))
        return plan(self._running, target.artifacts, target.sizes, self._api.limit)

    def _too_soon(self) -> float:
        """Seconds until the next reload is due."""
        if self._last_reload is None:
            return 0.0
        return self._last_reload + self._min_reload_interval - self._clock.monotonic()

    async def _at_run_time(self, target: Target, made: Plan) -> StepFailed | None:
        """Files, then commands, then reading back. On failure the files say `target`, the process something between."""
        running, generation = self._running, self._generation
        if running is None or generation is None or not made.steps:
            return None
        await asyncio.to_thread(self._reloading.write, generation, target)
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
                refused = Refused(result.name, "read back", (Refusal(None, str(failure)),))
                await self._go_back(before, former)
        seconds = self._clock.monotonic() - began
        if reload:
            self._last_reload = self._clock.monotonic()
            name = result.generation if isinstance(result, Refused) else result.name
            event = Reloaded(name, reasons, seconds, () if refused is None else refused.refusals)
            self._reload_log.append(record_of(event, self._clock.now()))
            self._notify(event)
        await asyncio.to_thread(self._generations.prune)
        return refused

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

    async def _go_back(self, before: Generation | None, former: Target | None) -> None:
        """To the generation before, after a reload that does not do what it should."""
        if before is None or former is None or self._supervisor is None:
            return
        reason = await self._reloading.go_back(self._supervisor, before)
        if reason:
            self._notify(Noted(f"going back to generation {before.name} failed: {reason}"))
            return
        self._accept(before, former)
        await self._learn()

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
        await asyncio.to_thread(self._reloading.write, self._generation, self._known)
        await self._learn()
        if self._running is None:
            return
        try:
            await take(self._api, self._plan(self._known).runtime, self._known.materials)
        except StepFailed as error:
            self._notify(Noted(f"what was there before could not be restored completely: {error}"))
        await self._learn()
        self._delete_leaving()

    def _delete_leaving(self) -> None:
        for key in self._running.leaving if self._running is not None else ():
            self._removals.begin(key)

    def _recorded(self, generation: Generation) -> Target | None:
        """What `generation` says on disk; None if its record is damaged."""
        try:
            artifacts = read_record(generation)
        except RecordError as error:
            self._notify(Noted(str(error)))
            return None
        materials = {digest: generation.read(path) or b"" for path, digest in artifacts.pem_files.items()}
        return Target(artifacts, materials, lambda alerts: tuple(Refusal(None, str(alert)) for alert in alerts))

    def _applied(self, target: Target, sent: int, began: float, reasons: tuple[ReloadReason, ...] = ()) -> Applied:
        return Applied(target.artifacts.revision, self._api.sent - sent, reasons, self._clock.monotonic() - began)

    def _failed(self, refused: Refused, began: float) -> Failed:
        return Failed(self.revision, refused.step, refused.refusals, self._clock.monotonic() - began)

    def _gone(self, key: ServerKey) -> None:
        if self._running is not None:
            leaving = {one: server for one, server in self._running.leaving.items() if one != key}
            self._running = replace(self._running, leaving=leaving)

    def _gave_up(self, key: ServerKey, reason: str) -> None:
        self._notify(Noted(f"server {key[0]}/{key[1]} gets no requests but could not be deleted: {reason}"))
