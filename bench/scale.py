"""`python -m bench.scale`: from a saved change until it is served, with what it costs, and start, memory and idle CPU of `haloy serve`,
among many objects.

The figures are of this machine, as busy as it is. A directory holds one object a file, which is the slower way; every Backend has
two endpoints that HAProxy checks every 15 s.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench.changes import changes, prepare
from bench.fleet import Fleet
from bench.run import BenchError
from bench.running import ROOT, Cost, Haloy, free_ports

SETTLES = 17.0
"""Seconds after which every endpoint has been checked once, unless `--settles` says something else."""
CHANGE_GOAL = 0.1
"""Seconds from the save to the first answer that shows an ordinary change."""


@dataclass(frozen=True, slots=True)
class Figure:
    """`goal` None: printed without one. `value` and `goal` in `unit`."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    note: str = ""

    def cells(self) -> tuple[str, ...]:
        goal = "-" if self.goal is None else f"<= {self.goal:g} {self.unit}"
        verdict = "" if self.goal is None else "met" if self.value <= self.goal else "NOT MET"
        return self.name, f"{self.value:.3g} {self.unit}", goal, verdict, self.note


@dataclass(frozen=True, slots=True)
class Case:
    """`start`: the most seconds that a cold start may take; `idle`: the most percent of a core while nothing changes."""

    fleet: Fleet
    start: float | None
    idle: float | None

    def __str__(self) -> str:
        where = " on one host" if self.fleet.one_host else ""
        return f"{self.fleet.size:,} Routes{where}, {self.fleet.size:,} Backends"


def figure_of(case: Case, kind: str, found: Sequence[Cost]) -> Figure:
    """One kind of change: the median, and the dearest of all in the note."""
    note = (
        f"max {max(cost.seconds for cost in found) * 1000:.0f} ms of {len(found)}; at most "
        f"{max(cost.commands for cost in found)} commands, {max(cost.bytes for cost in found):,} bytes, "
        f"{sum(cost.reloads for cost in found)} reloads in all"
    )
    seconds = median(cost.seconds for cost in found)
    return Figure(f"{case}: {kind}, saved to live", seconds * 1000, "ms", CHANGE_GOAL * 1000, note)


def measure(
    case: Case, count: int, only: Sequence[str], flags: Sequence[str], settles: float = SETTLES
) -> Iterator[Figure]:
    """`count` single changes of each kind, then of what costs while nothing happens."""
    with tempfile.TemporaryDirectory(prefix="haloy-scale-") as folder:
        haloy = Haloy(Path(folder), case.fleet, flags)
        case.fleet.write(haloy.directory, per_file=1)
        prepare(haloy)
        with haloy.running() as seconds:
            yield Figure(f"{case}: cold start", seconds, "s", case.start)
            time.sleep(settles)
            for kind, found in changes(haloy, count, only):
                yield figure_of(case, kind, found)
            reloads = haloy.reload_seconds()
            if reloads:
                yield Figure(
                    f"{case}: the longest reload", max(reloads), "s", None, f"of {len(reloads)} since the start"
                )
            time.sleep(settles)
            yield Figure(f"{case}: CPU while idle", haloy.idle(), "%", case.idle)
            own, worker = haloy.memory()
            yield Figure(f"{case}: memory of haloy", own, "MB")
            yield Figure(f"{case}: memory of HAProxy's worker", worker, "MB", None, "with the spare slots")


@contextmanager
def _upstream() -> Iterator[int]:
    (port,) = free_ports(1)
    process = subprocess.Popen([sys.executable, "-m", "bench.fleet", str(port)], stdin=subprocess.DEVNULL, cwd=ROOT)
    try:
        yield port
    finally:
        process.kill()
        process.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 when everything was measured, whatever the figures: goals are printed, not enforced."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--small", type=int, default=1_000, help="objects of each kind; 0: not measured [%(default)s]")
    parser.add_argument("--large", type=int, default=10_000, help="the same, large [%(default)s]")
    parser.add_argument(
        "--one-host", type=int, default=10_000, help="Routes of one host, as many Backends [%(default)s]"
    )
    parser.add_argument("--changes", type=int, default=5, help="single changes of each kind [%(default)s]")
    parser.add_argument(
        "--settles",
        type=float,
        default=SETTLES,
        help="seconds to rest after a start and after the changes [%(default)s]",
    )
    parser.add_argument("--only", action="append", default=[], metavar="WORD", help="kinds of changes with this word")
    parser.add_argument("--flag", action="append", default=[], metavar="FLAG", help="for haloy serve, --flag=--no-lua")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    options = parser.parse_args(arguments)
    figures = []
    try:
        with _upstream() as port:
            cases = (
                Case(Fleet(options.small, port), 5.0, 3.0),
                Case(Fleet(options.large, port), 15.0, None),
                Case(Fleet(options.one_host, port, one_host=True), None, None),
            )
            for case in cases:
                if not case.fleet.size:
                    continue
                for figure in measure(case, options.changes, options.only, options.flag, options.settles):
                    figures.append(figure)
                    _print(figure)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    if options.json:
        run = {"changes": options.changes, "cpus": os.cpu_count(), "flags": options.flag}
        options.json.write_text(
            json.dumps({"run": run, "figures": [asdict(each) for each in figures]}, indent=2) + "\n"
        )
    return 0


def _print(figure: Figure) -> None:
    widths = (78, 10, 10, 8, 0)
    cells = (cell.ljust(width) for cell, width in zip(figure.cells(), widths, strict=True))
    print("  ".join(cells).rstrip(), flush=True)


if __name__ == "__main__":
    # Ends like Ctrl-C does: through the blocks that stop the processes.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(main())
