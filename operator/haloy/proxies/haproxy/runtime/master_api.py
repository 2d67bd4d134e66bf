"""The master's CLI: which workers there are, and a reload that answers with its outcome."""

import asyncio
import re
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from haloy.proxies.haproxy.runtime.runtime_api import RuntimeUnavailable


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """One process of `show proc`. `reloads` and `uptime` (seconds) since it was started."""

    pid: int
    reloads: int
    uptime: int
    version: str


@dataclass(frozen=True, slots=True)
class Processes:
    """`show proc`. `workers` serve (one, or none while the master waits), `old_workers` finish what they have."""

    master: ProcessRow
    failed_reloads: int
    workers: tuple[ProcessRow, ...]
    old_workers: tuple[ProcessRow, ...]


class MasterApi:
    """Client of the master's socket: one connection a command, each with its time-out (seconds)."""

    def __init__(self, socket: Path, *, timeout: float = 5.0) -> None:
        self.socket = socket
        self._timeout = timeout

    async def processes(self) -> Processes:
        """Raises RuntimeUnavailable; ValueError if the answer is not a `show proc`."""
        return parse_processes(await self.ask("show proc"))

    async def reload(self, timeout: float) -> tuple[bool, str]:
        """Reload and wait for the outcome: whether the new worker took over, and HAProxy's startup log.

        On False the old worker serves on. Raises RuntimeUnavailable: the outcome is then unknown.
        """
        answer = await self.ask("reload", timeout=timeout)
        head, _, log = answer.partition("--\n")
        if not head.startswith("Success="):
            raise RuntimeUnavailable(f"{self.socket}: unexpected answer to reload: {answer[:200]!r}")
        return head.startswith("Success=1"), log.rstrip("\n")

    async def ask(self, line: str, *, timeout: float | None = None) -> str:
        """One command without payload. The write side is closed after it, or the master waits for more for ever."""
        limit = self._timeout if timeout is None else timeout
        try:
            async with asyncio.timeout(limit):
                reader, writer = await asyncio.open_unix_connection(self.socket)
                try:
                    writer.write(f"{line}\n".encode())
                    writer.write_eof()
                    answer = await reader.read()
                finally:
                    writer.close()
        except TimeoutError as error:
            raise RuntimeUnavailable(f"{self.socket}: no answer within {limit:g} s to {line}") from error
        except OSError as error:
            raise RuntimeUnavailable(f"{self.socket}: {error} (at {line})") from error
        if not answer:
            raise RuntimeUnavailable(f"{self.socket}: closed without an answer to {line}")
        return answer.decode("utf-8", "replace")


def parse_processes(text: str) -> Processes:
    """Read `show proc`. Raises ValueError."""
    section = "workers"
    masters: list[ProcessRow] = []
    found: dict[str, list[ProcessRow]] = {"workers": [], "old workers": []}
    failed = 0
    for line in text.splitlines():
        if line.startswith("# "):
            section = line.removeprefix("# ").strip()
            continue
        match = re.match(r"(\d+)\s+(\w+)\s+(\d+)(?: \[failed: (\d+)\])?\s+(\d+)d(\d+)h(\d+)m(\d+)s\s*(\S*)", line)
        if match is None:
            continue
        days, hours, minutes, seconds = (int(match[index]) for index in (5, 6, 7, 8))
        uptime = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
        row = ProcessRow(int(match[1]), int(match[3]), uptime, match[9])
        if match[2] == "master":
            masters.append(row)
            failed = int(match[4] or 0)
        elif section in found:
            found[section].append(row)
    if not masters:
        raise ValueError(f"not a `show proc`: {text[:200]!r}")
    return Processes(masters[0], failed, tuple(found["workers"]), tuple(found["old workers"]))


def listener_pid(path: Path) -> int | None:
    """The process that listens at `path`, by the kernel's word (SO_PEERCRED): a hung one is found too. None: nobody."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return None
        pid: int = struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
    return pid or None
