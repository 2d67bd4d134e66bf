"""Keeping HAProxy's standard output appended to while it is a regular file.

Each HAProxy process, before its first log line, makes the descriptor non-blocking with `fcntl(fd, F_SETFL, O_NONBLOCK)`
(2.8.25, tried: once a process, so once a worker). That also takes O_APPEND away, and a file that is
truncated then goes on at the old position, behind a hole of NUL bytes. The flag belongs to the open file description, which haloy
shares, so haloy sets it again.
"""

import asyncio
import ctypes
import fcntl
import os
import stat
from pathlib import Path
from typing import Self

_EVERY = 0.5
"""Seconds. What is truncated between a worker's first line and the next look may get a hole."""
_PIDFD_GETFD = 438
"""pidfd_getfd(2), which Python does not have; the number is the same on every architecture that Python runs on today."""


class KeptLog:
    """Holds `descriptor` (closed by `close`) and sees to it twice a second that what is written there is appended."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_soon(self._keep)

    @classmethod
    def of(cls, log: int) -> Self | None:
        """Of the open file description behind `log`, which stays the caller's. None: it is no regular file."""
        return cls(os.dup(log)) if is_file(log) else None

    @classmethod
    def of_process(cls, pid: int) -> Self | None:
        """Of the standard output of a process that somebody else started. None: it is no regular file.

        Raises OSError if the kernel does not let us share it: ptrace(2) must be allowed, which Yama may forbid.
        """
        if not Path(f"/proc/{pid}/fd/1").is_file():
            return None
        return cls(_descriptor_of(pid, 1))

    def close(self) -> None:
        self._timer.cancel()
        os.close(self._descriptor)

    def _keep(self) -> None:
        append(self._descriptor)
        self._timer = self._loop.call_later(_EVERY, self._keep)


def is_file(descriptor: int) -> bool:
    """Whether it is a regular file."""
    return stat.S_ISREG(os.fstat(descriptor).st_mode)


def append(descriptor: int) -> None:
    """Let every write to this open file description go to the end of the file."""
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    if not flags & os.O_APPEND:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_APPEND)


def append_from_end(descriptor: int) -> None:
    """`append`, and begin at the end: HAProxy's first line is written where the position is, without O_APPEND."""
    append(descriptor)
    os.lseek(descriptor, 0, os.SEEK_END)


def _descriptor_of(pid: int, number: int) -> int:
    """A descriptor for the same open file description as `number` is for `pid`; /proc/PID/fd would open a new one."""
    pidfd = os.pidfd_open(pid)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        found: int = libc.syscall(_PIDFD_GETFD, pidfd, number, 0)
        if found < 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
        return found
    finally:
        os.close(pidfd)
