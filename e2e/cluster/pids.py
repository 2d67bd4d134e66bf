"""Processes by identity: a pid alone may belong to somebody else by now, so the start time goes with it."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessId:
    """`started` in clock ticks since boot, as the kernel tells it."""

    pid: int
    started: int

    @property
    def runs(self) -> bool:
        """Whether this very process is there and no zombie."""
        fields = _stat(self.pid)
        return fields is not None and int(fields[19]) == self.started and fields[0] not in "ZX"

    def signal(self, number: int) -> None:
        """Nothing happens if it has ended."""
        if self.runs:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return

    def write(self, path: Path) -> None:
        path.write_text(json.dumps({"pid": self.pid, "started": self.started}) + "\n")


def identify(pid: int) -> ProcessId | None:
    """None: no such process."""
    fields = _stat(pid)
    return ProcessId(pid, int(fields[19])) if fields else None


def own() -> ProcessId:
    """This process."""
    found = identify(os.getpid())
    assert found is not None, "/proc is not mounted"
    return found


def read(path: Path) -> ProcessId | None:
    """What `ProcessId.write` wrote; None: nothing, or not whole."""
    try:
        content = json.loads(path.read_text())
        return ProcessId(int(content["pid"]), int(content["started"]))
    except (OSError, ValueError, KeyError):
        return None


def parent(pid: int) -> ProcessId | None:
    """Also of a process that has ended and waits for its parent to notice."""
    fields = _stat(pid)
    return identify(int(fields[1])) if fields else None


def children(pid: int) -> list[ProcessId]:
    """The direct children, by pid."""
    found = []
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields is not None and int(fields[1]) == pid:
                found.append(ProcessId(int(entry.name), int(fields[19])))
    return sorted(found, key=lambda child: child.pid)


def _stat(pid: int) -> list[str] | None:
    """/proc/PID/stat from the state on (proc(5): field 3); the name before it may hold anything, parentheses too."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
