"""Keeping one HAProxy alive: boot from the last known good generation, adopt an orphan, restart what died."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from haloy.clock import Clock
from haloy.proxies.haproxy.apply.candidate import server_states, token_of
from haloy.proxies.haproxy.apply.generations import Generation, Generations
from haloy.proxies.haproxy.apply.record import RecordError, load, settled
from haloy.proxies.haproxy.artifacts import Artifacts, leads_somewhere
from haloy.proxies.haproxy.events import Died, Emptied, Event, Noted, Started, Unusable
from haloy.proxies.haproxy.process.process import (
    REVISION_VARIABLE,
    Adoption,
    Alert,
    HaproxyProcess,
    RunFiles,
    StartFailed,
    open_log_target,
)
from haloy.proxies.haproxy.runtime.cli_answers import CommandFailed
from haloy.proxies.haproxy.runtime.cli_parsers import parse_variable
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi, RuntimeUnavailable
from haloy.proxies.haproxy.slots.layout import Layout

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 10.0
SETTLED_AFTER = 30.0
"""Seconds of life after which the next death counts as a first one."""

FRESH_FOR = 60.0
"""Seconds for which what HAProxy said about its servers is still worth something after its death."""

_START_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Past:
    """`show servers state` as it was at `at` (monotonic). `layout`: which Cluster had which slot then, None: unknown."""

    text: str
    at: float
    layout: Layout | None = None


class Supervisor:
    """One HAProxy and its lives. All methods are called with `lock` held, which the restart takes itself.

    `repair` puts the files of a generation right before it is booted (from its record). `came_up` is told of every
    process that runs a generation without having been asked to by the caller: after a restart.
    """

    def __init__(
        self,
        binary: Path,
        api: RuntimeApi,
        generations: Generations,
        files: RunFiles,
        state_file: Path,
        log: Literal["stdout"] | Path | None,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]],
        lock: asyncio.Lock,
        notify: Callable[[Event], None],
        tell: Callable[[Alert], None],
        repair: Callable[[Generation], None],
        came_up: Callable[[Generation], Awaitable[None]],
    ) -> None:
        self._binary = binary
        self._api = api
        self._generations = generations
        self._files = files
        self._state_file = state_file
        self._log = log
        self._clock = clock
        self._sleep = sleep
        self._lock = lock
        self._notify = notify
        self._tell = tell
        self._repair = repair
        self._came_up = came_up
        self._process: HaproxyProcess | None = None
        self._watch: asyncio.Task[None] | None = None
        self._closing = False
        self._lost: tuple[Unusable, ...] = ()
        """Generations that could not be started in the last boot."""
        self.past: Past | None = None
        self.deaths = 0

    @property
    def process(self) -> HaproxyProcess | None:
        """The running HAProxy, None while there is none."""
        return self._process if self._process is not None and self._process.pid is not None else None

    async def adopt(self) -> Generation | None:
        """Take over the HAProxy that an earlier haloy left running. None: there is none, or none that is fit.

        The generation it has loaded becomes the current one, whatever the link said: it is the one that is proven.
        """
        process = self.new_process()
        log = open_log_target(self._log)
        try:
            adopted = await process.adopt(log)
        finally:
            os.close(log)
        if adopted is not Adoption.ADOPTED:
            await process.stop(0)
            return None
        try:
            found = parse_variable(await self._api.call("get", "var", REVISION_VARIABLE))
        except (CommandFailed, RuntimeUnavailable, ValueError) as error:
            found = f"({error})"
        generation = self._generations.find(found)
        if generation is None or token_of(generation) != found:
            self._notify(Noted(f"the HAProxy left running is replaced: its generation {found} is not on disk"))
            await process.stop(0)
            return None
        try:
            await asyncio.to_thread(self._take_as_current, generation)
        except (OSError, RecordError) as error:
            self._notify(Noted(f"generation {generation.name} runs, but its files could not be put right: {error}"))
        self._run(process, generation, adopted=True)
        return generation

    async def boot(self) -> Generation | None:
        """Start the current generation; where it cannot be, the newest before it that can. None: there is none.

        One whose record is damaged comes after those: what its files say may not be what was meant. One that leads nowhere,
        as the very first does, comes last.
        """
        current = self._generations.current()
        newest = await asyncio.to_thread(self._generations.all)
        older = [one for one in newest if current is None or one.number < current.number]
        damaged: list[tuple[Generation, None]] = []
        idle: list[tuple[Generation, Artifacts]] = []
        self._lost = ()
        for generation in [*([current] if current is not None else []), *older]:
            found = await self._meant(generation)
            if isinstance(found, str):
                self._pass_over(generation, found)
                damaged.append((generation, None))
            elif generation != current and not leads_somewhere(found):
                idle.append((generation, found))
            elif await self._usable(generation, found):
                return generation
        for generation, meant in (*damaged, *idle):
            if await self._usable(generation, meant):
                if meant is not None:
                    self.tell_lost()
                return generation
        return None

    def tell_lost(self) -> None:
        """What starts now leads nowhere: say so, if anything did before."""
        if self._lost:
            self._notify(Emptied(self._lost))

    async def _usable(self, generation: Generation, artifacts: Artifacts | None) -> bool:
        reason = await self._start(generation, artifacts)
        if reason is not None:
            self._pass_over(generation, reason)
        return reason is None

    def _pass_over(self, generation: Generation, reason: str) -> None:
        unusable = Unusable(generation.name, reason)
        self._lost = (*self._lost, unusable)
        self._notify(unusable)

    async def start(self, generation: Generation) -> str | None:
        """Check and start `generation`, and make it the current one. Returns why that was not possible, None: it runs."""
        found = await self._meant(generation)
        return found if isinstance(found, str) else await self._start(generation, found)

    async def _start(self, generation: Generation, artifacts: Artifacts | None) -> str | None:
        """`artifacts`: what it is meant to be, None: nobody knows, and its files have to do."""
        if artifacts is None and not await asyncio.to_thread(settled, generation):
            return "its files are of several states"
        token = token_of(generation)
        if token is None:
            return "the file that says its revision is damaged"
        if not self._made_for_here(generation):
            return "it was made for another state directory"
        if self._process is not None:  # it is dead, but holds the run directory
            await self._process.stop(0)
        process = self.new_process()
        verdict = await process.check(generation.path)
        if not verdict.ok:
            return "; ".join(map(str, verdict.alerts)) or "haproxy -c refuses it"
        before = self._generations.current()
        try:
            await self._write_or_remove_states(
                server_states(self.recent_past(), artifacts, None if self.past is None else self.past.layout)
            )
            if before != generation:
                await asyncio.to_thread(self._generations.activate, generation)
        except OSError as error:
            return f"the state folder cannot be written: {error}"
        log = open_log_target(self._log)
        try:
            await process.start(token, log, timeout=_START_TIMEOUT)
        except StartFailed as error:
            if before is not None and before != generation:
                await asyncio.to_thread(self._generations.activate, before)
            return str(error)
        finally:
            os.close(log)
        self._run(process, generation, adopted=False)
        return None

    def _take_as_current(self, generation: Generation) -> None:
        if self._generations.current() != generation:
            self._generations.activate(generation)
        self._repair(generation)

    async def _meant(self, generation: Generation) -> Artifacts | str:
        """What `generation` is meant to be, its files put right; a sentence if its record does not say, or they cannot be."""
        try:
            recorded = await asyncio.to_thread(load, generation)
            if recorded.note:
                self._notify(Noted(recorded.note))
            await asyncio.to_thread(self._repair, generation)
            if not await asyncio.to_thread(settled, generation):
                return f"what the journal of generation {generation.name} says could not be written into its files"
        except (RecordError, OSError) as error:
            return str(error)
        return recorded.artifacts

    async def _write_or_remove_states(self, text: str) -> None:
        """Without a past every server starts afresh; with one from long ago it would start wrong."""
        try:
            await asyncio.to_thread(self.write_states, text)
        except OSError as error:
            self._state_file.unlink(missing_ok=True)
            self._notify(Noted(f"servers start without their past: {error}"))

    def _made_for_here(self, generation: Generation) -> bool:
        """Whether its worker would answer where it is asked: a state directory may have been copied or moved."""
        socket = str(self._files.worker_socket)
        return "'" in socket or socket.encode() in (generation.read("00-global.cfg") or b"")

    def remember(self, states: str, layout: Layout | None = None) -> None:
        """Keep what HAProxy, laid out like this, said about its servers just now, in case it dies."""
        self.past = Past(states, self._clock.monotonic(), layout)

    def recent_past(self) -> str:
        """What was last remembered, "" if that is too old to be trusted."""
        if self.past is None or self._clock.monotonic() - self.past.at > FRESH_FOR:
            return ""
        return self.past.text

    def write_states(self, text: str) -> None:
        """The server-state file that the next worker reads. Blocking. Raises OSError, and the file is as it was."""
        unfinished = self._state_file.with_suffix(".unfinished")
        unfinished.write_text(text)
        unfinished.chmod(0o600)
        unfinished.replace(self._state_file)

    async def stop(self, drain: float) -> None:
        """End the process and the supervision. Called without the lock: a restart under way is given up."""
        self._closing = True
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
            self._watch = None
        if self._process is not None:
            await self._process.stop(drain)
            self._process = None

    def new_process(self) -> HaproxyProcess:
        """One that is not running: to check a configuration, or to be started."""
        return HaproxyProcess(self._binary, self._generations.link, self._files, self._api, self._tell)

    def _run(self, process: HaproxyProcess, generation: Generation, *, adopted: bool) -> None:
        self._process = process
        self._notify(Started(generation.name, process.pid or 0, adopted))
        if self._watch is None:
            self._watch = asyncio.create_task(self._keep_alive(), name="keep HAProxy alive")

    async def _keep_alive(self) -> None:
        pause = FIRST_PAUSE
        while self._process is not None:
            process = self._process
            began = self._clock.monotonic()
            death = await process.wait()
            if self._closing:
                return
            if self._clock.monotonic() - began > SETTLED_AFTER:
                pause = FIRST_PAUSE
            self.deaths += 1
            while self._process is process:
                self._notify(Died(death.reason, pause))
                await self._sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                async with self._lock:
                    if self._process is process:
                        await self._restart()

    async def _restart(self) -> None:
        """Whatever goes wrong is told, and nothing ends the supervision: the next death is answered as well."""
        try:
            generation = await self.boot()
            if generation is not None:
                await self._came_up(generation)
        except Exception as error:
            self._notify(Noted(f"HAProxy could not be brought up again: {type(error).__name__}: {error}"))
