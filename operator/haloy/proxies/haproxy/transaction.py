"""Making HAProxy equal to what is wanted: at run time, else by a reload, else not at all.

The invariant: after each transaction the files of the current generation say what the process does. Every step in
between can be the last one of this process's life; `open` takes up from wherever that was.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from haloy.clock import Clock
from haloy.proxies.base import Applied, Failed, Outcome, Refusal, ReloadCause, ReloadReason
from haloy.proxies.haproxy import certificates, maps_runtime, server_state
from haloy.proxies.haproxy.alerts import Alert, Severity
from haloy.proxies.haproxy.apply import StepFailed, read_back, take
from haloy.proxies.haproxy.artifacts import Artifacts
from haloy.proxies.haproxy.candidate import (
    REVISION_FILE,
    ConfigFiles,
    files_of,
    revision_file,
    server_states,
    token,
)
from haloy.proxies.haproxy.cli_answers import CommandFailed
from haloy.proxies.haproxy.events import Event, Noted, Reloaded
from haloy.proxies.haproxy.generations import Generation, Generations
from haloy.proxies.haproxy.live import assemble, read_live
from haloy.proxies.haproxy.plan import plan
from haloy.proxies.haproxy.process import StartFailed
from haloy.proxies.haproxy.record import RecordError, RecordWriter, read_record
from haloy.proxies.haproxy.reload_log import ReloadLog, ReloadRecord
from haloy.proxies.haproxy.removals import Removals
from haloy.proxies.haproxy.running import Running, ServerKey, after
from haloy.proxies.haproxy.runtime_api import RuntimeApi, RuntimeUnavailable
from haloy.proxies.haproxy.steps import Plan, Reload, RemoveServer, RestoreServer
from haloy.proxies.haproxy.supervisor import Supervisor

_log = logging.getLogger(__name__)

Blame = Callable[[Iterable[Alert]], tuple[Refusal, ...]]
"""HAProxy's complaints about a target, traced to objects."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a transaction leads to. `materials`: PEM by digest, complete for `artifacts`."""

    artifacts: Artifacts
    materials: Mapping[str, bytes]
    blame: Blame

    @property
    def pem(self) -> dict[str, bytes]:
        """PEM by file name."""
        return {path: self.materials[digest] for path, digest in self.artifacts.pem_files.items()}

    @property
    def sizes(self) -> dict[str, int]:
        return {digest: len(content) for digest, content in self.materials.items()}


@dataclass(frozen=True, slots=True)
class Refused:
    """A target that did not become live. `step`: check, reload or read back."""

    step: str
    refusals: tuple[Refusal, ...]


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
        self._writer = RecordWriter()
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

    async def open(self, supervisor: Supervisor, zero: Target) -> None:
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
                        seconds = self._clock.monotonic() - began
                        return Applied(target.artifacts.revision, self._api.sent - sent, (), seconds)
                    forced = (ReloadReason(ReloadCause.RUNTIME_FAILED, None, str(failure)),)
                pause = self._too_soon()
                if pause <= 0:
                    reasons = forced or (made.reload.reasons if made.reload is not None else ())
                    refused = await self._install(target, reasons)
                    seconds = self._clock.monotonic() - began
                    if refused is None:
                        return Applied(target.artifacts.revision, self._api.sent - sent, reasons, seconds)
                    if forced:
                        await self._roll_back()
                    return Failed(self.revision, refused.step, refused.refusals, seconds)
            await self._sleep(pause)

    async def came_up(self, generation: Generation) -> None:
        """A process has started on `generation`: learn what it does. Call with the lock held."""
        self._removals.forget()
        self._generation = generation
        self._known = self._recorded(generation)
        await self._learn()

    async def reload(self, reason: ReloadReason) -> Outcome:
        """Reload what is live, as it is."""
        began = self._clock.monotonic()
        async with self.lock:
            if self._known is None:
                return Failed("", "reload", (Refusal(None, "nothing is live"),))
            refused = await self._install(self._known, (reason,))
            seconds = self._clock.monotonic() - began
            if refused is not None:
                return Failed(self.revision, refused.step, refused.refusals, seconds)
            return Applied(self.revision, 0, (reason,), seconds)

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
        for name in await certificates.abort_open(self._api):
            self._notify(Noted(f"aborted the transaction of {name} that was left open"))
        await maps_runtime.clear_unfinished(self._api)
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
        return plan(self._running, target.artifacts, target.sizes)

    def _too_soon(self) -> float:
        """Seconds until the next reload is due."""
        if self._last_reload is None:
            return 0.0
        return self._last_reload + self._min_reload_interval - self._clock.monotonic()

    async def _at_run_time(self, target: Target, made: Plan) -> StepFailed | None:
        """Files, then commands, then reading back. On failure the files say `target`, the process something between."""
        running = self._running
        if running is None or not made.steps:
            return None
        await asyncio.to_thread(self._write, target)
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

    def _write(self, target: Target) -> None:
        """Make the current generation say `target`."""
        if self._generation is None:
            return
        files = files_of(target.artifacts, target.pem, self._config_files, self._writer)
        gone = [name for name in self._generations.names(self._generation) if name not in files and name != REVISION_FILE]
        self._generations.update(self._generation, files, gone)

    async def _install(self, target: Target, reasons: tuple[ReloadReason, ...]) -> Refused | None:
        """A new generation of `target`: checked, started, read back. None: it is live. Logged and told either way."""
        began = self._clock.monotonic()
        number = self._generations.reserve()
        files = files_of(target.artifacts, target.pem, self._config_files, self._writer) | revision_file(number)
        candidate = await asyncio.to_thread(self._generations.create, number, files, self._generation)
        refused = await self._start(candidate, target)
        self._last_reload = self._clock.monotonic()
        seconds = self._last_reload - began
        complaints = () if refused is None else refused.refusals
        self._reload_log.append(
            ReloadRecord(
                self._clock.now(), reasons, candidate.name, refused is None, seconds, complaints[0].message if complaints else ""
            )
        )
        self._notify(Reloaded(candidate.name, reasons, seconds, complaints))
        if refused is None:
            await asyncio.to_thread(self._generations.prune)
        elif self._generations.current() != candidate:
            await asyncio.to_thread(self._generations.discard, candidate)
        return refused

    async def _start(self, candidate: Generation, target: Target) -> Refused | None:
        """Reload into `candidate`, or start it where nothing runs."""
        supervisor = self._supervisor
        if supervisor is None:
            raise RuntimeError("not opened")
        process = supervisor.process
        if process is None:
            reason = await supervisor.start(candidate)
            if reason is not None:
                return Refused("start", target.blame((Alert(Severity.ALERT, reason),)))
            self._accept(candidate, target)
            await self._learn()
            return None
        verdict = await process.check(candidate.path)
        if not verdict.ok:
            return Refused("check", target.blame(verdict.alerts))
        try:
            past = await server_state.save(self._api)
        except RuntimeUnavailable:
            past = supervisor.recent_past()
        supervisor.write_states(server_states(past, target.artifacts))
        before = self._generations.current()
        self._generations.activate(candidate)
        try:
            result = await process.reload(token(candidate.number))
        except RuntimeUnavailable as error:
            self._back_to(before)
            return Refused("reload", (Refusal(None, str(error)),))
        if not result.success:
            self._back_to(before)
            return Refused("reload", target.blame(result.alerts))
        former = self._known
        self._accept(candidate, target)
        failure = await self._confirm(target)
        if failure is None:
            return None
        if before is not None and former is not None:
            self._back_to(before)
            self._accept(before, former)
            try:
                await process.reload(token(before.number))
            except RuntimeUnavailable as error:
                _log.error("going back to generation %s: %s", before.name, error)
            await self._learn()
        return Refused("read back", (Refusal(None, str(failure)),))

    def _accept(self, generation: Generation, target: Target) -> None:
        self._removals.forget()
        self._generation, self._known = generation, target

    def _back_to(self, before: Generation | None) -> None:
        if before is not None:
            self._generations.activate(before)

    async def _confirm(self, target: Target) -> StepFailed | None:
        """After a reload: everything is read and compared; what is missing is said once at run time."""
        for again in (True, False):
            await self._learn()
            if self._running is None:
                return StepFailed("read back", "HAProxy did not answer")
            made = plan(self._running, target.artifacts, target.sizes)
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
        if self._known is None:
            return
        await asyncio.to_thread(self._write, self._known)
        await self._learn()
        if self._running is None:
            return
        made = plan(self._running, self._known.artifacts, self._known.sizes)
        try:
            await take(self._api, made.runtime, self._known.materials)
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

    def _gone(self, key: ServerKey) -> None:
        if self._running is not None:
            leaving = {one: server for one, server in self._running.leaving.items() if one != key}
            self._running = Running(
                self._running.artifacts, leaving, self._running.crt_list, self._running.drift
            )

    def _gave_up(self, key: ServerKey, reason: str) -> None:
        self._notify(Noted(f"server {key[0]}/{key[1]} gets no requests but could not be deleted: {reason}"))
