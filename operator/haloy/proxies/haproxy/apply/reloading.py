"""A new generation from a target: written, checked by HAProxy, started beside the old worker or, if it does not start,
taken back."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from haloy.proxies.base import Refusal
from haloy.proxies.haproxy.apply.candidate import (
    REVISION_FILE,
    ConfigFiles,
    files_of,
    revision_file,
    server_states,
    token,
)
from haloy.proxies.haproxy.apply.generations import Generation, Generations
from haloy.proxies.haproxy.apply.record import RecordWriter
from haloy.proxies.haproxy.artifacts import Artifacts
from haloy.proxies.haproxy.process import server_state
from haloy.proxies.haproxy.process.alerts import Alert, Severity
from haloy.proxies.haproxy.process.process import HaproxyProcess
from haloy.proxies.haproxy.process.supervisor import Supervisor
from haloy.proxies.haproxy.runtime.cli_answers import CommandFailed
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi, RuntimeUnavailable

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
    """A target that did not become live. `step`: check, start, reload or read back; `generation`: the candidate's name."""

    generation: str
    step: str
    refusals: tuple[Refusal, ...]


class Reloading:
    """Writes and starts generations. Called with the lock of the transactions held."""

    def __init__(self, api: RuntimeApi, generations: Generations, config_files: ConfigFiles) -> None:
        self._api = api
        self._generations = generations
        self._config_files = config_files
        self._writer = RecordWriter()

    def write(self, generation: Generation, target: Target) -> None:
        """Make the files of `generation` say `target`. Blocking."""
        files = files_of(target.artifacts, target.pem, self._config_files, self._writer)
        gone = [name for name in self._generations.names(generation) if name not in files and name != REVISION_FILE]
        self._generations.update(generation, files, gone)

    async def install(self, supervisor: Supervisor, target: Target, before: Generation | None) -> Generation | Refused:
        """Start `target` as a new generation. Where that fails the generation before is the current one again."""
        number = self._generations.reserve()
        files = files_of(target.artifacts, target.pem, self._config_files, self._writer) | revision_file(number)
        candidate = await asyncio.to_thread(self._generations.create, number, files, before)
        refused = await self._start(supervisor, candidate, target)
        if refused is None:
            return candidate
        if self._generations.current() != candidate:
            await asyncio.to_thread(self._generations.discard, candidate)
        return refused

    async def go_back(self, supervisor: Supervisor, before: Generation) -> str:
        """Reload into a generation that was live before. Returns why that failed, "" if it did not."""
        self._generations.activate(before)
        if supervisor.process is None:
            return "HAProxy is not running"
        try:
            result = await supervisor.process.reload(token(before.number))
        except RuntimeUnavailable as error:
            return str(error)
        return "" if result.success else "; ".join(map(str, result.alerts))

    async def _start(self, supervisor: Supervisor, candidate: Generation, target: Target) -> Refused | None:
        process = supervisor.process
        if process is None:
            reason = await supervisor.start(candidate)
            complaint = Alert(Severity.ALERT, reason or "")
            return None if reason is None else Refused(candidate.name, "start", target.blame((complaint,)))
        verdict = await process.check(candidate.path)
        if not verdict.ok:
            return Refused(candidate.name, "check", target.blame(verdict.alerts))
        return await self._reload(supervisor, process, candidate, target)

    async def _reload(
        self, supervisor: Supervisor, process: HaproxyProcess, candidate: Generation, target: Target
    ) -> Refused | None:
        """The health of servers is saved at the last moment, the link is turned, and turned back if need be."""
        try:
            past = await server_state.save(self._api)
        except (RuntimeUnavailable, CommandFailed):
            past = supervisor.recent_past()
        supervisor.write_states(server_states(past, target.artifacts))
        before = self._generations.current()
        self._generations.activate(candidate)
        complaints: tuple[Refusal, ...] = ()
        try:
            result = await process.reload(token(candidate.number))
            if not result.success:
                complaints = target.blame(result.alerts)
        except RuntimeUnavailable as error:
            complaints = (Refusal(None, str(error)),)
        if complaints and before is not None:
            self._generations.activate(before)
        return Refused(candidate.name, "reload", complaints) if complaints else None
