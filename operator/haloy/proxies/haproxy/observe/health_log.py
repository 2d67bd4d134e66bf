"""Where HAProxy says that a server changed: a unix datagram socket of haloy's. What is said is a hint, and never believed.

Facts (HAProxy 2.8.25, each tried): the path is looked up anew for every line, so that HAProxy goes on by itself after the
socket was away, with one message on its standard error the first time; a line that finds no room is dropped, never waited for.
"""

import asyncio
import re
import socket
from dataclasses import dataclass
from pathlib import Path

from haloy.proxies.haproxy.process.run_files import RunDirectoryBusy

_SECTION = re.compile(
    rb"(?:Server|Health check for(?: backup)? server|backend|proxy) '?([A-Za-z0-9][A-Za-z0-9._-]{0,127})(?:/| has no)"
)
_LONGEST = 1_024
_AT_ONCE = 1_024
"""Lines that are read before everything else gets its turn."""
_ROOM = Path("/proc/sys/net/unix/max_dgram_qlen")
_LEAST_ROOM = 10


@dataclass(frozen=True, slots=True)
class Hints:
    """Sections in which a server may have changed; `everything`: more was said than can be told apart."""

    sections: frozenset[str] = frozenset()
    everything: bool = False


class HealthLog:
    """The socket at `path`, from `open` to `close`, in one event loop."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._room = _room()
        self._socket: socket.socket | None = None
        self._inode = 0
        self._everything = False
        self._woken = asyncio.Event()

    def open(self) -> None:
        """Listen, in the place of what an earlier haloy left. Raises RunDirectoryBusy if that one still reads; OSError."""
        if self._path.exists() and _answers(self._path):
            raise RunDirectoryBusy(f"another haloy uses {self._path.parent}; stop it or choose another --state")
        self._bind()

    def reopen_if_lost(self) -> None:
        """Listen again if somebody removed or replaced the socket: what was said meanwhile is lost. Raises OSError."""
        try:
            if self._socket is None or self._path.stat().st_ino == self._inode:
                return
        except FileNotFoundError:
            pass
        self.close()
        self._bind()

    def close(self) -> None:
        """Listen no more, and take the socket away if it is ours."""
        if self._socket is None:
            return
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._socket = None
        try:
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()
        except FileNotFoundError:
            pass

    async def wait(self, seconds: float | None) -> None:
        """Until something is said, `wake` is called, or `seconds` have passed (None: for ever)."""
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            pass

    def wake(self, *, everything: bool = False) -> None:
        """Whoever waits, or waits next, is to look; `everything`: at all sections."""
        self._everything = self._everything or everything
        self._woken.set()

    def take(self) -> Hints:
        """What was said since the last time. At most `_AT_ONCE` lines are read.

        A queue that may have been full has lost lines. All that it held at that moment is among what is read here, so fewer lines than
        it has room for mean that none is missing.
        """
        self._woken.clear()
        everything, self._everything = self._everything, False
        lines: list[bytes] = []
        if self._socket is not None:
            while len(lines) < _AT_ONCE:
                try:
                    lines.append(self._socket.recv(_LONGEST))
                except BlockingIOError:
                    break
            asyncio.get_running_loop().add_reader(self._socket, self._readable)
        found = frozenset(section[1].decode("ascii") for section in map(_SECTION.match, lines) if section is not None)
        return Hints(found, everything or len(lines) >= self._room)

    def _bind(self) -> None:
        self._path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            listening.bind(str(self._path))
            self._path.chmod(0o600)
            self._inode = self._path.stat().st_ino
        except BaseException:
            listening.close()
            raise
        self._socket = listening
        asyncio.get_running_loop().add_reader(listening, self._readable)

    def _readable(self) -> None:
        """Say so once: the lines wait in the kernel until they are taken, however many come."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
        self._woken.set()


def _answers(path: Path) -> bool:
    """Whether a living process reads the socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asking:
        try:
            asking.connect(str(path))
        except OSError:
            return False
    return True


def _room() -> int:
    """Lines that the kernel keeps for a reader before it drops some."""
    try:
        return max(int(_ROOM.read_text()), 1)
    except (OSError, ValueError):
        return _LEAST_ROOM
