"""One process with its group, watched through a pidfd: a child of ours, or an orphan that was adopted."""

import asyncio
import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import Self

_AFTER_TERM = 2.0
_GROUP_GONE = 2.0
_POLL = 0.01


class Supervised:
    """The leader of a process group. When it ends, whatever is left of its group is killed.

    `child` is None for a process that somebody else started; its exit status cannot be known then. A pidfd never names
    another process that got the same pid (pidfd_open(2)). Raises ProcessLookupError if `pid` is gone already.
    """

    def __init__(self, pid: int, child: subprocess.Popen[bytes] | None) -> None:
        self.pid = pid
        self._child = child
        self._loop = asyncio.get_running_loop()
        self._pidfd = os.pidfd_open(pid)
        self.exited: asyncio.Future[int | None] = self._loop.create_future()
        """Its exit status as `subprocess` counts (negative: killed by that signal), None for an adopted one."""
        self._loop.add_reader(self._pidfd, self._on_exit)

    @classmethod
    def launch(cls, arguments: list[str], directory: Path, output: int, errors: int) -> Self:
        """Start a process in a session of its own (a terminal's Ctrl-C is not for it) and with an empty environment.

        Must be called while the loop runs; it blocks for the millisecond that fork and exec take. Raises OSError.
        """
        child = subprocess.Popen(
            arguments,
            env={},
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
            umask=0o077,
        )
        return cls(child.pid, child)

    @property
    def alive(self) -> bool:
        return not self.exited.done()

    def send(self, number: signal.Signals) -> None:
        """A signal to the process itself; nothing happens when it is gone."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    async def exited_within(self, seconds: float) -> bool:
        """Whether it is gone, or goes within `seconds`."""
        done, _ = await asyncio.wait([self.exited], timeout=seconds)
        return bool(done)

    async def end(self, *, drain: float) -> None:
        """SIGUSR1 and up to `drain` seconds (none: at once), SIGTERM, SIGKILL; returns when the group is gone.

        Cancelled, it kills at once, then is cancelled.
        """
        try:
            if drain > 0:
                self.send(signal.SIGUSR1)
                await self.exited_within(drain)
            self.send(signal.SIGTERM)
            await self.exited_within(_AFTER_TERM)
        finally:
            if self.alive:
                self._kill_group()
                self.send(signal.SIGKILL)
        await self.exited_within(_AFTER_TERM)
        await self.group_gone()

    async def group_gone(self) -> None:
        """Wait for workers that outlived the master by a moment, so that their ports are free."""
        for _ in range(int(_GROUP_GONE / _POLL)):
            if not self._group_exists():
                break
            await asyncio.sleep(_POLL)

    def _on_exit(self) -> None:
        self._loop.remove_reader(self._pidfd)
        self._kill_group()  # before the child is reaped: until then its pid, and so the group's, is nobody else's
        status = None if self._child is None else self._child.wait()
        os.close(self._pidfd)
        if not self.exited.done():
            self.exited.set_result(status)

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _group_exists(self) -> bool:
        """Whether a member lives; in a container nobody may collect the dead ones (kill(2) would still find them)."""
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return False
        return any(_lives_in_group(entry, self.pid) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _lives_in_group(process: Path, group: int) -> bool:
    """By /proc/PID/stat (proc(5)): the state and the group follow the name in brackets."""
    try:
        state, _parent, found, *_ = (process / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return False
    return int(found) == group and state not in ("Z", "X")
