"""What lies in the run directory: sockets, the master's pid file, the lock, the pipe of HAProxy's messages."""

import errno
import fcntl
import hashlib
import os
import re
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from haloy.proxies.haproxy.process.kept_log import append_from_end, is_file

_SOCKET_PATH_LIMIT = 107
"""sun_path holds 108 bytes with the final NUL (unix(7))."""
_LONGEST_NAME = len("/worker.sock.123456789.tmp")
"""HAProxy binds beside the path, with its pid and `.tmp` or `.bak` added, then renames."""


class RunDirectoryError(Exception):
    """The run directory cannot be used safely; the message says why."""


class RunDirectoryBusy(RunDirectoryError):
    """Another haloy supervises the HAProxy of this run directory."""


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The names below one run directory."""

    directory: Path

    @property
    def master_socket(self) -> Path:
        return self.directory / "master.sock"

    @property
    def worker_socket(self) -> Path:
        """Where the configuration must have its `stats socket ... level admin`."""
        return self.directory / "worker.sock"

    @property
    def peers_socket(self) -> Path:
        """Where a worker hands its tables to the next one."""
        return self.directory / "peers.sock"

    @property
    def health_socket(self) -> Path:
        """Where HAProxy says that the state of a server changed. It is haloy's own: HAProxy finds it there."""
        return self.directory / "health.sock"

    @property
    def pid_file(self) -> Path:
        return self.directory / "master.pid"

    @property
    def lock(self) -> Path:
        return self.directory / "lock"

    @property
    def messages(self) -> Path:
        return self.directory / "stderr.fifo"

    def clear(self) -> None:
        """Remove what an HAProxy that has ended leaves here, while the lock is held. The lock itself stays: whoever
        opened it before it was removed would hold a lock that nobody else sees."""
        for path in (self.master_socket, self.worker_socket, self.peers_socket):
            for left in (path, *path.parent.glob(f"{path.name}.*.tmp"), *path.parent.glob(f"{path.name}.*.bak")):
                left.unlink(missing_ok=True)
        self.messages.unlink(missing_ok=True)
        self.pid_file.unlink(missing_ok=True)


def run_dir(state: Path) -> Path:
    """The directory for sockets of the installation in `state`, made if missing, mode 0700.

    `state/run`; where that is too long for a socket's path, a directory named by a hash of `state`, below
    XDG_RUNTIME_DIR or the temporary directory. Raises RunDirectoryError if it belongs to somebody else, is a
    symbolic link, or is too long even there.
    """
    wanted = state.absolute() / "run"
    if not _fits(wanted):
        digest = hashlib.sha256(os.fsencode(state.absolute())).hexdigest()[:16]
        base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
        wanted = Path(base) / f"haloy-{os.getuid()}-{digest}"
        if not _fits(wanted):
            raise RunDirectoryError(f"{wanted} is too long for a socket's path; set TMPDIR or choose a shorter --state")
    wanted.parent.mkdir(parents=True, exist_ok=True)
    wanted.mkdir(mode=0o700, exist_ok=True)
    found = wanted.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise RunDirectoryError(f"{wanted} is not a directory; remove it")
    if found.st_uid != os.getuid():
        raise RunDirectoryError(f"{wanted} belongs to user {found.st_uid}, not to {os.getuid()}; it is not used")
    if stat.S_IMODE(found.st_mode) != 0o700:
        wanted.chmod(0o700)
    return wanted


def open_log_target(target: Literal["stdout"] | Path | None) -> int:
    """A descriptor for HAProxy's standard output, where `log stdout` writes. The caller closes it.

    HAProxy makes it non-blocking, which is a property of the open file description: so standard output is opened
    anew, or haloy's own prints would begin to fail with EAGAIN. A regular file is shared instead (non-blocking means
    nothing there). A socket cannot be opened anew and is shared too. Every regular file is appended to, from its end
    on, so that nobody writes over another's lines and a log rotation may truncate it (see `kept_log`). None: nowhere.
    """
    if target is None:
        return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    if target != "stdout":
        own = os.open(target, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        if is_file(own):
            append_from_end(own)
        return own
    if is_file(1):
        append_from_end(1)
        return os.dup(1)
    if stat.S_ISSOCK(os.fstat(1).st_mode):
        return os.dup(1)
    try:
        return os.open("/proc/self/fd/1", os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:  # no /proc, a terminal of another user, a pipe whose reader is gone
        return os.dup(1)


def open_message_pipe(path: Path) -> tuple[int, int]:
    """The named pipe of HAProxy's standard error: a descriptor to read and one for HAProxy, both the caller's to close.

    Neither blocks, and each is open both ways: HAProxy can never stall on a reader that sleeps or is gone (what does
    not fit is lost, 64 kB do), and a haloy that adopts an orphan finds its last words in it.
    """
    try:
        os.mkfifo(path, 0o600)
    except FileExistsError:
        if not stat.S_ISFIFO(path.lstat().st_mode):
            path.unlink()
            os.mkfifo(path, 0o600)
    flags = os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
    return os.open(path, flags), os.open(path, flags)


def take_lock(path: Path) -> int:
    """Hold the run directory until the descriptor is closed (or the process ends). Raises RunDirectoryBusy."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise RunDirectoryBusy(f"another haloy uses {path.parent}; stop it or choose another --state") from error
        raise
    return descriptor


def start_time(pid: int) -> int | None:
    """When `pid` was started, in clock ticks since boot; the two identify a process. None: no such process, or dead."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the name in front may hold blanks and brackets
    return None if fields[0] in ("Z", "X") else int(fields[19])


def identity(pid: int) -> str:
    """`PID STARTTIME BOOT`: names a process for good, also in a container, where pids begin at 1 again each time."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(errors="replace").strip()
    except OSError:
        boot = "-"
    return f"{pid} {start_time(pid) or 0} {boot}"


def write_pid_file(path: Path, pid: int) -> None:
    """Remember the master: `PID STARTTIME`."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(f"{pid} {start_time(pid) or 0}\n")
    temporary.replace(path)


def read_pid_file(path: Path) -> int | None:
    """The remembered process if it still runs, None if it does not (or its pid is another process's by now)."""
    try:
        match = re.fullmatch(r"(\d{1,10}) (\d{1,20})\n", path.read_text(errors="replace"))
    except FileNotFoundError:
        return None
    if match is None or start_time(int(match[1])) != int(match[2]):
        return None
    return int(match[1])


def _fits(directory: Path) -> bool:
    """Short enough, and without characters that HAProxy expands or splits in an address (`$`, `,`, `@`, blanks)."""
    short = len(os.fsencode(directory)) + _LONGEST_NAME <= _SOCKET_PATH_LIMIT
    return short and re.fullmatch(r"[\w./+-]+", str(directory), re.ASCII) is not None
