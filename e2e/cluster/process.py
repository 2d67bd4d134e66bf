"""One child process of a cluster: started, stopped, paused by pid, also by a Python process that did not start it."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from e2e.cluster import pids
from e2e.cluster.errors import ComponentFailedError
from e2e.cluster.pids import ProcessId
from e2e.cluster.waiting import WaitedTooLongError, until

TAIL_LINES = 15
_READY_WITHIN = 60.0
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Process:
    """`folder` gets NAME.log (appended to over restarts) and NAME.pid. `ready` returns None, or the reason why not yet.

    `prefix` gives words before the command which make it a child process of theirs (nsenter); then that child is what is signalled.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        command: Sequence[str],
        *,
        ready: Callable[[], str | None],
        prefix: Callable[[], Sequence[str]] | None = None,
        environment: Mapping[str, str] | None = None,
        within: float = _READY_WITHIN,
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._pid_file = folder / f"{name}.pid"
        self._folder = folder
        self._command = tuple(command)
        self._prefix = prefix
        self._environment = {"PATH": _PATH, "HOME": str(folder), "LC_ALL": "C", **(environment or {})}
        self._ready = ready
        self._within = within
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def id(self) -> ProcessId | None:
        """Of the last one started; it may have ended."""
        return pids.read(self._pid_file)

    @property
    def runs(self) -> bool:
        """Paused counts as running."""
        if self._popen is not None:
            self._popen.poll()
        known = self.id
        return known is not None and known.runs

    def launch(self) -> None:
        """Starts it and returns at once. Raises ComponentFailedError if it cannot even be run."""
        prefix = self._prefix() if self._prefix is not None else ()
        with self.log.open("ab") as log:
            try:
                self._popen = subprocess.Popen(
                    (*prefix, *self._command),
                    cwd=self._folder,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise ComponentFailedError(self.name, f"cannot be run: {error}", "") from error
        started = pids.identify(self._popen.pid)
        if prefix:
            started = self._child(self._popen) or started
        if started is not None:
            started.write(self._pid_file)

    def wait(self) -> None:
        """Until it is ready. Raises ComponentFailedError when it ends, or is not ready in time."""
        try:
            until(self._ready_or_ended, within=self._within)
        except WaitedTooLongError as reason:
            raise ComponentFailedError(
                self.name, f"is not ready after {self._within:g} s ({reason})", self.tail()
            ) from None

    def start(self) -> None:
        """`launch` and `wait`; nothing if it runs."""
        if not self.runs:
            self.launch()
        self.wait()

    def stop(self, grace: float = 20.0) -> None:
        """Asks it to end, and ends it after `grace` seconds. Afterwards it is gone."""
        self._end(signal.SIGTERM, grace)

    def kill(self) -> None:
        """Ends it at once, as a crash would."""
        self._end(signal.SIGKILL, 10.0)

    def pause(self) -> None:
        """It keeps its connections and answers nobody."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """After `pause`."""
        self._signal(signal.SIGCONT)
        self._wake_wrapper()

    def tail(self, lines: int = TAIL_LINES) -> str:
        """The end of its log, long lines cut."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - 64 * 1024))
                content = log.read().decode(errors="replace")
        except OSError:
            return ""
        return "\n".join(line[:400] for line in content.splitlines()[-lines:])

    def _ready_or_ended(self) -> str | None:
        if not self.runs:
            code = self._popen.poll() if self._popen is not None else None
            told = "" if code is None else f" (exit code {code})"
            raise ComponentFailedError(self.name, f"ended{told}", self.tail())
        return self._ready()

    def _child(self, wrapper: subprocess.Popen[bytes]) -> ProcessId | None:
        """The command itself, below the wrapper. None: the wrapper ended first."""
        found: list[ProcessId] = []

        def forked() -> str | None:
            found.extend(pids.children(wrapper.pid)[:1])
            return None if found or wrapper.poll() is not None else "no child yet"

        try:
            until(forked, within=10.0)
        except WaitedTooLongError as reason:
            raise ComponentFailedError(self.name, f"was not started: {reason}", self.tail()) from None
        return found[0] if found else None

    def _signal(self, number: signal.Signals) -> None:
        known = self.id
        if known is None or not known.runs:
            raise ComponentFailedError(self.name, "does not run", self.tail())
        known.signal(number)

    def _wake_wrapper(self) -> None:
        """nsenter stops itself when its child is stopped, and has to go on to see how the child ends."""
        known = self.id
        wrapper = pids.parent(known.pid) if known is not None and self._prefix is not None else None
        if wrapper is not None:
            wrapper.signal(signal.SIGCONT)

    def _end(self, number: signal.Signals, grace: float) -> None:
        known = self.id
        if known is None:
            return
        known.signal(number)
        known.signal(signal.SIGCONT)
        self._wake_wrapper()
        try:
            until(lambda: f"{self.name} still runs" if self.runs else None, within=grace)
        except WaitedTooLongError:
            known.signal(signal.SIGKILL)
            until(lambda: f"{self.name} cannot be killed" if self.runs else None, within=20.0)
        if self._popen is not None:
            self._popen.wait()
        self._pid_file.unlink(missing_ok=True)
