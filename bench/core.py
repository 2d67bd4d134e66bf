"""`python -m bench.core`: what one changed Route costs haloy itself, step by step, with 1,000 and with 10,000 Routes, on hosts of
their own and all on one host. No HAProxy runs: what is measured is the way from the file to the configuration that is wanted.

The figures are CPU-bound milliseconds of this machine, as busy as it is: the median of some changes. `looked over` is the rescan
of the whole directory that comes every 30 s and delays nobody.
"""

import argparse
import gc
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TypeVar

from haloy.clock import SystemClock
from haloy.model.listener import Bind, Fleet, Listener
from haloy.model.model import Model
from haloy.model.refs import ObjectRef
from haloy.proxies.haproxy.options import HaproxyOptions
from haloy.proxies.haproxy.render.memo import RenderMemo
from haloy.proxies.haproxy.render.render import render
from haloy.proxies.haproxy.slots.layout import EMPTY, Layout
from haloy.runtime.derive import BackendNames, grpc_targets
from haloy.sources.directory import Directory
from haloy.sources.last_good import LastGood
from haloy.sources.store import Store
from haloy.status.board import StatusBoard
from haloy.status.desired import Programming
from haloy.translate import Context, Memo, translate

T = TypeVar("T")
_HEAD = "apiVersion: haloy.dev/v1alpha1\nkind: "
_FLEET = Fleet((Listener("http", (Bind("127.0.0.1", 80),), tls=False, public_port=80),))
_OPTIONS = HaproxyOptions("/run/worker.sock", "/run/server-state")
SETTLED = 0.15
"""Seconds after which a file's time stamp says for certain whether it changed."""


@dataclass(frozen=True, slots=True)
class Size:
    """`one_host`: all Routes on one, each with its own path."""

    routes: int
    backends: int
    one_host: bool = False

    def __str__(self) -> str:
        where = "one host" if self.one_host else "hosts of their own"
        return f"{self.routes:,} Routes on {where}, {self.backends:,} Backends"

    def route(self, number: int, change: int = 0) -> str:
        host = "one.test" if self.one_host else f"h{number}.test"
        path = f"/p{number}" if self.one_host else "/"
        return (
            f"{_HEAD}Route\nmetadata: {{name: r-{number}}}\nspec:\n  hosts: [{host}]\n  rules:\n"
            f"  - matches: [{{path: {{value: {path}}}}}]\n"
            f"    backendRefs: [{{name: b-{(number + change) % self.backends}}}]\n"
        )

    def backend(self, number: int) -> str:
        return (
            f"{_HEAD}Backend\nmetadata: {{name: b-{number}}}\nspec:\n  endpoints:\n"
            f"  - {{address: 10.0.{number >> 8}.{number & 255}, port: 80}}\n"
            f"  - {{address: 10.1.{number >> 8}.{number & 255}, port: 80}}\n"
        )

    def write(self, root: Path) -> None:
        root.mkdir()
        for number in range(self.routes):
            (root / f"r-{number}.yaml").write_text(self.route(number))
        for number in range(self.backends):
            (root / f"b-{number}.yaml").write_text(self.backend(number))


class Core:
    """The parts of `haloy serve` without its proxy. `steps`: milliseconds of each step of the last cycle."""

    def __init__(self, root: Path, state: Path) -> None:
        self._clock = SystemClock()
        self._directory = Directory(root, self._clock, {})
        self._store = Store(self._clock, ["files"])
        self._last_good = LastGood(state, root)
        self._names = BackendNames()
        self._memo, self._rendered = Memo(), RenderMemo()
        self._layout: Layout = EMPTY
        self._board = StatusBoard(self._clock)
        self._board.proxy_ready(True)
        self._live: Mapping[ObjectRef, int] = {}
        self.steps: dict[str, float] = {}

    def cycle(self, touched: Sequence[Path] | None = None) -> None:
        """From the announcement of `touched` (None: anything) to the status."""
        paths = {str(path) for path in touched} if touched is not None else None
        found = self._timed("read the file", lambda: self._directory.read(touched=paths))
        self._timed("store", lambda: self._store.replace("files", found.reading))
        snapshot = self._timed("snapshot", self._store.snapshot)
        self._timed("DNS names", lambda: self._names.of(snapshot))
        context = Context(fleet=_FLEET, now=self._clock.now())
        translation = self._timed("translate", lambda: translate(snapshot, context, self._memo))
        model = translation.delivery.model
        self._layout = self._timed("render", lambda: self._render(model))
        if touched is None:
            self._live = {ref: item.generation for ref, item in snapshot.objects.items()}
        programming = Programming(live=self._live)
        self._timed(
            "status", lambda: self._board.translated(translation.reports, snapshot.rejections, model, programming)
        )
        self._timed("gRPC targets", lambda: grpc_targets(translation.delivery))
        self._timed("last good (later)", lambda: self._last_good.save(self._directory.unsaved()))

    def _render(self, model: Model) -> Layout:
        return render(model, _OPTIONS, self._rendered, self._layout).layout

    def _timed(self, step: str, work: Callable[[], T]) -> T:
        began = time.perf_counter()
        result = work()
        self.steps[step] = (time.perf_counter() - began) * 1000
        return result


def measure(size: Size, changes: int) -> Iterator[tuple[str, float, float, float]]:
    """(step, the first time, looked over, one change), in milliseconds."""
    with tempfile.TemporaryDirectory(prefix="haloy-core-") as folder:
        root = Path(folder) / "objects"
        size.write(root)
        time.sleep(SETTLED)
        core = Core(root, Path(folder) / "state")
        core.cycle()
        first = dict(core.steps)
        gc.freeze()  # As `haloy serve` does after its first cycle.
        core.cycle()
        again = dict(core.steps)
        found: dict[str, list[float]] = {step: [] for step in first}
        for change in range(1, changes + 1):
            number = change * size.routes // (changes + 1)
            path = root / f"r-{number}.yaml"
            path.write_text(size.route(number, change))
            core.cycle([path])
            for step, milliseconds in core.steps.items():
                found[step].append(milliseconds)
            time.sleep(SETTLED)
        gc.unfreeze()
        for step, times in found.items():
            yield step, first[step], again[step], median(times)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0: figures are printed, not judged."""
    parser = argparse.ArgumentParser(prog="python -m bench.core", description=__doc__)
    parser.add_argument("--changes", type=int, default=7, help="changes of one Route each [%(default)s]")
    parser.add_argument("--large", type=int, default=10_000, help="Routes of the large sizes; 0: none [%(default)s]")
    options = parser.parse_args(arguments)
    sizes = [Size(1_000, 1_000)]
    if options.large:
        sizes += [Size(options.large, 100, one_host=True), Size(options.large, options.large)]
    for size in sizes:
        print(f"\n{size}\n{'':20}{'first':>12}{'looked over':>14}{'one change':>13}")
        total = [0.0, 0.0, 0.0]
        for step, *times in measure(size, options.changes):
            print(f"{step:20}{times[0]:9.1f} ms{times[1]:11.2f} ms{times[2]:10.2f} ms", flush=True)
            total = [one + other for one, other in zip(total, times, strict=True)]
        print(f"{'in all':20}{total[0]:9.1f} ms{total[1]:11.2f} ms{total[2]:10.2f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
