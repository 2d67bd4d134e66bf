"""A running HAProxy: started, checked, reloaded, adopted, stopped.

Facts that shape this (HAProxy 2.8.25, each tried): the worker's death ends the master (exit status 128 + signal) and
the master's the worker; both ignore SIGPIPE, so an orphan outlives the reader of its messages; the master's command
line stays the same over reloads; its socket keeps its pid (SO_PEERCRED).
"""

import asyncio
import os
import re
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from haloy.proxies.haproxy.process.alerts import Alert, CheckResult, Severity, parse_alerts, worth_telling
from haloy.proxies.haproxy.process.kept_log import KeptLog
from haloy.proxies.haproxy.process.messages import Messages
from haloy.proxies.haproxy.process.orphan import unfit
from haloy.proxies.haproxy.process.retelling import cannot_be_opened
from haloy.proxies.haproxy.process.run_files import (
    RunDirectoryBusy,
    RunDirectoryError,
    RunFiles,
    open_log_target,
    read_pid_file,
    run_dir,
    take_lock,
    write_pid_file,
)
from haloy.proxies.haproxy.process.supervised import Supervised
from haloy.proxies.haproxy.runtime.cli_answers import CommandFailed
from haloy.proxies.haproxy.runtime.cli_parsers import parse_info, parse_variable
from haloy.proxies.haproxy.runtime.master_api import MasterApi, listener_pid
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi, RuntimeUnavailable

__all__ = [
    "REVISION_VARIABLE",
    "Adoption",
    "Alert",
    "CheckResult",
    "Death",
    "HaproxyProcess",
    "ReloadResult",
    "RunDirectoryBusy",
    "RunDirectoryError",
    "RunFiles",
    "StartFailed",
    "open_log_target",
    "run_dir",
]

REVISION_VARIABLE = "proc.haloy_revision"
"""The configuration says `set-var proc.haloy_revision str(...)` in `global`: the proof of which one a worker runs."""

_POLL = 0.02
_DYING = 0.3


class Adoption(StrEnum):
    """What became of an HAProxy that an earlier haloy left behind."""

    NONE = "none"
    ADOPTED = "adopted"
    REPLACED = "replaced"


class StartFailed(Exception):
    """HAProxy did not come up. `alerts` are its own words."""

    def __init__(self, reason: str, alerts: tuple[Alert, ...]) -> None:
        closed = next(filter(None, map(cannot_be_opened, alerts)), None)
        super().__init__(closed if closed is not None else "; ".join([reason, *map(str, alerts)]))
        self.reason = reason
        self.alerts = alerts


@dataclass(frozen=True, slots=True)
class Death:
    """The end of the master. `status` as `subprocess` counts, None for an adopted one; `expected`: it was stopped."""

    pid: int
    status: int | None
    expected: bool
    reason: str


@dataclass(frozen=True, slots=True)
class ReloadResult:
    """Whether the new worker took over; if not, the old one (`worker_pid`, 0: unknown) serves on.

    `certain`: HAProxy itself said so. Else it said that the new one had taken over, which then did not answer.
    """

    success: bool
    alerts: tuple[Alert, ...]
    worker_pid: int
    certain: bool = True


class HaproxyProcess:
    """One HAProxy (master and workers) that reads `conf_dir`, with its sockets in `files.directory`.

    `conf_dir` must stay the same path (it may be a link) and define REVISION_VARIABLE and the worker's socket at
    `files.worker_socket`. `tell` gets every message of HAProxy. It is for one life: start or adopt once.
    """

    def __init__(
        self, binary: Path, conf_dir: Path, files: RunFiles, runtime: RuntimeApi, tell: Callable[[Alert], None]
    ) -> None:
        self.files = files
        self.runtime = runtime
        self.master = MasterApi(files.master_socket)
        self._binary = binary
        self._conf_dir = conf_dir.absolute()
        self._tell = tell
        self._lock: int | None = None
        self._messages: Messages | None = None
        self._process: Supervised | None = None
        self._kept_log: KeptLog | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """The master, while it lives."""
        return self._process.pid if self._process is not None and self._process.alive else None

    @property
    def killed_by(self) -> int:
        """The signal that ended the master or, since the one's death is the other's, its worker; 0: none, or nobody knows."""
        process = self._process
        status = process.exited.result() if process is not None and process.exited.done() else None
        return 0 if status is None else _signal(status)

    @property
    def arguments(self) -> list[str]:
        """The master's command line."""
        return [str(self._binary), "-W", "-S", f"unix@{self.files.master_socket},mode,600", "-f", str(self._conf_dir)]

    async def check(self, conf_dir: Path, *, timeout: float = 60.0) -> CheckResult:
        """Let HAProxy read a configuration without running it. A time-out is a failed check."""
        process = await asyncio.create_subprocess_exec(
            self._binary, "-c", "-f", conf_dir, env={}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.timeout(timeout):
                _, output = await process.communicate()
        except TimeoutError:
            return CheckResult(False, (Alert(Severity.ALERT, f"haproxy -c did not end within {timeout:g} s"),))
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return CheckResult(process.returncode == 0, parse_alerts(output.decode("utf-8", "replace")))

    async def start(self, revision: str, log: int, *, timeout: float = 60.0) -> int:
        """Start, wait until a worker answers with `revision`, return the worker's pid.

        `log`: descriptor for standard output (`open_log_target`), still the caller's to close. An orphan of this run
        directory is stopped first. Raises StartFailed (nothing is left running), RunDirectoryBusy, RunDirectoryError.
        """
        self._take_directory()
        orphan = self._orphan()
        if orphan is not None:
            await self._evict(orphan)
        messages = self._open_messages()
        messages.drain()
        messages.recent.clear()
        self._process = Supervised.launch(self.arguments, self.files.directory, log, messages.write_end)
        self._kept_log = KeptLog.of(log)
        self._remember_pid(self._process.pid)
        try:
            worker = await self._confirmed(revision, timeout)
        except RuntimeUnavailable as error:
            messages.drain()
            alerts = self._said()
            reason = "HAProxy did not start" if alerts and not self._process.alive else str(error)
            await self._process.end(drain=0)
            self._release()
            raise StartFailed(reason, alerts) from error
        except BaseException:
            await self._process.end(drain=0)
            self._release()
            raise
        return worker

    async def adopt(self, log: int) -> Adoption:
        """Take over what an earlier haloy left running in this directory, or stop it if it is not fit (`orphan.unfit`).

        Raises RunDirectoryBusy, RunDirectoryError.
        """
        self._take_directory()
        pid = self._orphan()
        if pid is None:
            return Adoption.NONE
        reason = await unfit(pid, self.arguments, log, self.master, self.runtime)
        messages = self._open_messages()
        if reason is None:
            try:
                self._process = Supervised(pid, None)
            except ProcessLookupError:
                return Adoption.NONE
            self._remember_pid(pid)
            self._keep_log_of(pid)
            return Adoption.ADOPTED
        messages.drain()
        self._tell(Alert(Severity.WARNING, f"the HAProxy left behind (pid {pid}) is replaced: {reason}", pid=pid))
        await self._evict(pid)
        return Adoption.REPLACED

    async def reload(self, revision: str, *, timeout: float = 60.0) -> ReloadResult:
        """Start a new worker beside the old one; success once it has taken over and answers with `revision`.

        Raises RuntimeUnavailable when there is no master to ask, or none that answers: what runs is unknown then.
        """
        before = await self._worker_pid()
        taken_over, log = await self.master.reload(timeout)
        alerts = parse_alerts(log)
        await self.runtime.disconnect()
        if not taken_over:
            return ReloadResult(False, alerts, before)
        try:
            return ReloadResult(True, alerts, await self._confirmed(revision, timeout, former=before))
        except RuntimeUnavailable as error:
            said = (*alerts, Alert(Severity.ALERT, str(error)))
            return ReloadResult(False, said, await self._worker_pid(), certain=False)

    async def revision(self, *, timeout: float = 5.0) -> str | None:
        """What the worker that serves says it has loaded; None: HAProxy is dead, or nobody answers within `timeout`.

        The master is not asked: it may be what hangs. If it is dying, it has a moment to: its worker outlives it a little.
        """
        process = self._process
        if process is not None:
            await process.exited_within(_DYING)
        try:
            async with asyncio.timeout(timeout):
                while process is not None and process.alive:
                    await self.runtime.disconnect()  # a kept connection is the former worker's
                    try:
                        return parse_variable(await self.runtime.call("get", "var", REVISION_VARIABLE))
                    except (CommandFailed, RuntimeUnavailable, ValueError):
                        await asyncio.wait([process.exited], timeout=_POLL)
        except TimeoutError:
            return None
        return None

    async def wait(self) -> Death:
        """Until the master is gone, for whatever reason, and its workers with it."""
        process = self._running()
        status = await asyncio.shield(process.exited)
        await process.group_gone()
        await self.runtime.disconnect()
        if self._messages is not None:
            self._messages.drain()
        return Death(process.pid, status, self._stopping, self._reason(process.pid, status))

    async def stop(self, drain: float) -> None:
        """Stop accepting, let requests finish for up to `drain` seconds, end all, give the run directory back."""
        self._stopping = True
        await self.runtime.disconnect()  # an open CLI connection would keep the worker from ending
        try:
            if self._process is not None:
                await self._process.end(drain=drain)
        finally:
            self._release()

    async def _confirmed(self, revision: str, timeout: float, former: int = 0) -> int:
        """The pid of the worker that serves, once it says `revision`. Raises RuntimeUnavailable."""
        process = self._running()
        missing = "the worker did not answer"
        try:
            async with asyncio.timeout(timeout):
                while process.alive:
                    try:
                        workers = (await self.master.processes()).workers
                        info = parse_info(await self.runtime.call("show", "info"))
                        pid = int(info["Pid"])
                        if pid != former and pid in [worker.pid for worker in workers]:
                            found = parse_variable(await self.runtime.call("get", "var", REVISION_VARIABLE))
                            if found == revision:
                                return pid
                            raise RuntimeUnavailable(f"the worker runs revision {found}, not {revision}")
                        await self.runtime.disconnect()  # still the old worker's connection
                    except CommandFailed as error:
                        raise RuntimeUnavailable(str(error)) from error
                    except RuntimeUnavailable as error:
                        missing = str(error)
                        if "runs revision" in missing:
                            raise
                    await asyncio.wait([process.exited], timeout=_POLL)
        except TimeoutError as error:
            raise RuntimeUnavailable(f"not running after {timeout:g} s: {missing}") from error
        raise RuntimeUnavailable(self._reason(process.pid, process.exited.result()))

    async def _worker_pid(self) -> int:
        try:
            workers = (await self.master.processes()).workers
        except RuntimeUnavailable:
            return 0
        return workers[0].pid if workers else 0

    def _orphan(self) -> int | None:
        """The master of this directory: by the pid file, else by who listens at its socket."""
        return read_pid_file(self.files.pid_file) or listener_pid(self.files.master_socket)

    async def _evict(self, pid: int) -> None:
        try:
            if os.getpgid(pid) != pid:
                raise RunDirectoryError(f"process {pid} holds {self.files.master_socket} and is not haloy's; stop it")
            await Supervised(pid, None).end(drain=0)
        except ProcessLookupError:
            return
        except PermissionError as error:
            raise RunDirectoryError(f"the HAProxy left behind (pid {pid}) belongs to another user; stop it") from error

    def _keep_log_of(self, pid: int) -> None:
        try:
            self._kept_log = KeptLog.of_process(pid)
        except OSError as error:
            text = f"the access log of the HAProxy left behind is not to be truncated while it runs ({error.strerror})"
            self._tell(Alert(Severity.WARNING, text, pid=pid))

    def _reason(self, pid: int, status: int | None) -> str:
        """In words: who ended, and how."""
        for message in reversed(self._messages.recent if self._messages is not None else ()):
            worker = re.fullmatch(r"Current worker \((\d+)\) exited with code (\d+).*", message.text)
            if worker is not None and message.pid == pid and int(worker[2]) > 0:
                return f"HAProxy's worker (pid {worker[1]}) {_ended(int(worker[2]))}"
        return f"HAProxy (pid {pid}) {_ended(status)}"

    def _said(self) -> tuple[Alert, ...]:
        return worth_telling(self._messages.recent) if self._messages is not None else ()

    def _remember_pid(self, pid: int) -> None:
        """Without the file an orphan is still found by its socket: a full disk is no reason to go without HAProxy."""
        try:
            write_pid_file(self.files.pid_file, pid)
        except OSError as error:
            self._tell(Alert(Severity.WARNING, f"{self.files.pid_file} cannot be written: {error}", pid=pid))

    def _running(self) -> Supervised:
        if self._process is None:
            raise RuntimeUnavailable("HAProxy was not started")
        return self._process

    def _take_directory(self) -> None:
        if self._process is not None:
            raise RuntimeError("one HaproxyProcess is for one life of HAProxy; make a new one")
        if self._lock is None:
            self._lock = take_lock(self.files.lock)

    def _open_messages(self) -> Messages:
        if self._messages is None:
            self._messages = Messages(self.files.messages, self._tell)
        return self._messages

    def _release(self) -> None:
        """Give back what this object holds; HAProxy is gone."""
        if self._messages is not None:
            self._messages.close()
            self._messages = None
        if self._kept_log is not None:
            self._kept_log.close()
            self._kept_log = None
        if self._lock is not None:
            if self._process is not None and not self._process.alive:
                self.files.clear()
            self.files.pid_file.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None


def _ended(status: int | None) -> str:
    """Exit status in words; shells and HAProxy's master count a signal as 128 more."""
    if status is None:
        return "ended"
    number = _signal(status)
    return f"was killed by {signal.Signals(number).name}" if number else f"exited with status {status}"


def _signal(status: int) -> int:
    number = -status if status < 0 else status - 128
    return number if number in set(signal.Signals) else 0
