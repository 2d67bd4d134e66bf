"""CPU time of a process and its descendants, from /proc."""

import os
from collections.abc import Callable
from pathlib import Path

_PROC = Path("/proc")


def descendants(pid: int) -> list[int]:
    """`pid` and every process below it. Processes that end while being read are left out."""
    found = [pid]
    for parent in found:
        for task in _tasks(parent):
            try:
                found.extend(int(child) for child in (task / "children").read_text().split())
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def executable(pid: int) -> str:
    """The file name of the program that a process runs; empty when the process is gone."""
    try:
        return (_PROC / str(pid) / "exe").readlink().name
    except (FileNotFoundError, ProcessLookupError):
        return ""


def seconds(pid: int, counts: Callable[[str], bool] = lambda program: True) -> float:
    """CPU seconds, user and system, used so far by all threads of `pid` and its descendants whose program `counts`."""
    return sum(_process_seconds(each) for each in descendants(pid) if counts(executable(each)))


def _process_seconds(pid: int) -> float:
    # schedstat counts nanoseconds, stat only clock ticks (10 ms); kernels without CONFIG_SCHED_INFO have no schedstat.
    total = 0
    for task in _tasks(pid):
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except FileNotFoundError:
            if task.exists():
                return _ticks(pid)
        except ProcessLookupError:
            continue
    return total / 1e9


def _ticks(pid: int) -> float:
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    user, system = int(fields[11]), int(fields[12])  # Fields 14 and 15 of proc(5), counted from 1 and from the pid.
    return (user + system) / os.sysconf("SC_CLK_TCK")


def _tasks(pid: int) -> list[Path]:
    try:
        return list((_PROC / str(pid) / "task").iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return []
