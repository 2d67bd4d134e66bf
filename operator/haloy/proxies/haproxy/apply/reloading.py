"""A new generation from a target: written, checked by HAProxy, started beside the old worker or, if it does not start,
taken back."""

import asyncio
import contextlib
from dataclasses import dataclass

from haloy.proxies.base import Refusal
from haloy.proxies.haproxy.apply.candidate import REVISION_FILE, ConfigFiles, server_states, token
from haloy.proxies.haproxy.apply.generations import Generation, Generations
from haloy.proxies.haproxy.apply.ledger import Ledger
from haloy.proxies.haproxy.apply.target import Blame, Target, recorded
from haloy.proxies.haproxy.process import server_state
from haloy.proxies.haproxy.process.alerts import Alert, Severity
from haloy.proxies.haproxy.process.file_names import too_long
from haloy.proxies.haproxy.process.process import HaproxyProcess
from haloy.proxies.haproxy.process.supervisor import Supervisor
from haloy.proxies.haproxy.runtime.cli_answers import CommandFailed
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi, RuntimeUnavailable
from haloy.proxies.haproxy.slots.layout import Layout

__all__ = ["Blame", "Refused", "Reloading", "Switched", "Target", "recorded"]


@dataclass(frozen=True, slots=True)
class Refused:
    """A target that did not become live. `generation`: the candidate.

    `step`: check, start, reload, read back, or unavailable when HAProxy died or did not say what came of it.
    `unsure`: which generation HAProxy runs, or is about to run, is not known; the candidate's files may be in use.
    `died`: HAProxy died of it or meanwhile, by this signal (0: by itself, None: it did not).
    """

    generation: Generation
    step: str
    refusals: tuple[Refusal, ...]
    unsure: bool = False
    died: int | None = None


@dataclass(frozen=True, slots=True)
class Switched:
    """What came of a reload. `serving`: the generation that answers, None: nobody does.

    `complaints` of HAProxy about the one it refused; `reason`: why it is not `certain` what happened, else empty.
    """

    serving: Generation | None
    complaints: tuple[Alert, ...] = ()
    reason: str = ""

    @property
    def why(self) -> str:
        """For people: why another generation than the one wanted serves."""
        return self.reason or "; ".join(map(str, self.complaints))


class Reloading:
    """Writes and starts generations. Called with the lock of the transactions held.

    `ledger`: theirs, which writes the files; None: one of its own.
    """

    def __init__(
        self, api: RuntimeApi, generations: Generations, config_files: ConfigFiles, ledger: Ledger | None = None
    ) -> None:
        self._api = api
        self._generations = generations
        self._ledger = ledger or Ledger(generations, config_files)

    def write(self, generation: Generation, target: Target) -> None:
        """Make the files of `generation` say `target`. Blocking. Raises OSError: they say something between, then, and the
        record and its journal what was meant last."""
        self._ledger.write(generation, target)

    async def install(
        self, supervisor: Supervisor, target: Target, before: Generation | None, former: Layout | None = None
    ) -> Generation | Refused:
        """Start `target` as a new generation. Where that fails the generation before is the current one again.

        `former`: the slots as they are now, so that Clusters that get others keep the health of their servers.

        Raises OSError when something could not be written: nothing has changed then.
        """
        candidate = await asyncio.to_thread(self._ledger.create, target, before)
        try:
            refused = await self._start(supervisor, candidate, target, former)
        except OSError:
            await asyncio.to_thread(self._drop_unused, candidate)
            raise
        return candidate if refused is None else refused

    def repair(self, generation: Generation) -> str:
        """Let the files of `generation` but PEM say what its record and its journal say. Blocking. Returns why that could not
        be written, else "". Raises RecordError."""
        return self._ledger.repair(generation)

    async def go_back(self, supervisor: Supervisor, before: Generation, refused: Generation) -> Switched:
        """From `refused`, which runs, to the one before, which runs next if nothing does. Never raises OSError."""
        process = supervisor.process
        try:
            if process is not None:
                return await self.switch(process, before, refused)
            await asyncio.to_thread(self._generations.activate, before)
            return Switched(before)
        except OSError as error:
            return Switched(refused, (Alert(Severity.ALERT, str(error)),))

    async def switch(self, process: HaproxyProcess, wanted: Generation, back: Generation | None) -> Switched:
        """Turn the link to `wanted` and reload. The link ends on what answers; on `back` where nobody does.

        Raises OSError before the reload if the link cannot be turned.
        """
        await asyncio.to_thread(self._turn, wanted, back)
        try:
            result = await process.reload(token(wanted.number))
            if result.success:
                return Switched(wanted)
            said, alerts = "; ".join(map(str, result.alerts)), result.alerts
            found = Switched(back, alerts) if result.certain else None
        except RuntimeUnavailable as error:
            said, found = str(error), None
        if found is None:
            answer = await process.revision()
            serving = None if answer is None else self._generations.find(answer)
            if serving == wanted:
                return Switched(wanted)
            found = Switched(serving, (), said or "HAProxy did not say what came of the reload")
        if back is not None:
            try:
                await asyncio.to_thread(self._generations.activate, back)
            except OSError as error:
                return Switched(found.serving, (), f"{said}; the link could not be turned back: {error}")
        return found

    def _turn(self, wanted: Generation, back: Generation | None) -> None:
        try:
            self._generations.activate(wanted)
        except OSError:
            if back is not None and self._generations.current() == wanted:
                self._generations.activate(back)
            raise

    def _drop_unused(self, candidate: Generation) -> None:
        """Tidying after an error that is told already."""
        if self._generations.current() != candidate:
            with contextlib.suppress(OSError):
                self._generations.discard(candidate)

    async def _start(
        self, supervisor: Supervisor, candidate: Generation, target: Target, former: Layout | None
    ) -> Refused | None:
        names = [*(fragment.filename for fragment in target.artifacts.fragments), REVISION_FILE]
        if (too_many := too_long(self._generations.link, names)) is not None:
            return Refused(candidate, "check", (Refusal(None, too_many),))
        process = supervisor.process
        if process is None:
            reason = await supervisor.start(candidate)
            complaint = Alert(Severity.ALERT, reason or "")
            return None if reason is None else Refused(candidate, "start", target.blame((complaint,)))
        verdict = await process.check(candidate.path)
        if not verdict.ok:
            return Refused(candidate, "check", target.blame(verdict.alerts))
        return await self._reload(supervisor, process, candidate, target, former)

    async def _reload(
        self,
        supervisor: Supervisor,
        process: HaproxyProcess,
        candidate: Generation,
        target: Target,
        former: Layout | None,
    ) -> Refused | None:
        """The health of servers is saved at the last moment, then the link is turned."""
        try:
            past = await server_state.save(self._api)
        except (RuntimeUnavailable, CommandFailed):
            past = supervisor.recent_past()
        await asyncio.to_thread(lambda: supervisor.write_states(server_states(past, target.artifacts, former)))
        switched = await self.switch(process, candidate, self._generations.current())
        if switched.serving == candidate:
            return None
        if not switched.reason:
            return Refused(candidate, "reload", target.blame(switched.complaints))
        if process.pid is None:
            died = Refusal(None, f"HAProxy died during the reload: {switched.reason}")
            return Refused(candidate, "unavailable", (died,), died=process.killed_by)
        unknown = Refusal(None, f"what came of the reload is not known: {switched.reason}")
        return Refused(candidate, "unavailable", (unknown,), unsure=True)
