"""`python -m bench.scale`: seconds, memory and idle CPU of `haloy serve` with large directories, beside their goals.

The figures are of this machine, as busy as it is. A directory holds one object a file, which is the slower way; every Backend has
two endpoints that HAProxy checks every 15 s.
"""

import argparse
import http.client
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import cpu
from bench.fleet import NAMED, Fleet, address, backend_file, host, route, route_file
from bench.run import BenchError

_ROOT = Path(__file__).resolve().parent.parent
SETTLES = 17.0
"""Seconds after which every endpoint has been checked once."""
IDLE = 10.0
WITHIN = 120.0
ENDS_WITHIN = 20.0


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


class Haloy:
    """One running `haloy serve` on `fleet`."""

    def __init__(self, root: Path, fleet: Fleet) -> None:
        self.fleet = fleet
        self.directory = root / "objects"
        self._root = root
        self._port, self._https, self._admin = free_ports(3)
        self.process: subprocess.Popen[bytes] | None = None

    @contextmanager
    def running(self) -> Iterator[float]:
        """Gives the seconds from the start of the process to the first answer of the last Route."""
        ports = {"http": self._port, "https": self._https, "admin": self._admin}
        flags = [f"--{name}=127.0.0.1:{port}" for name, port in ports.items()]
        flags += [f"--state={self._root / 'state'}", f"--access-log={self._root / 'access.log'}"]
        argv = [sys.executable, "-m", "haloy.cli", "serve", str(self.directory), *flags, "--reload-interval=200ms"]
        began = time.monotonic()
        with (self._root / "haloy.log").open("wb") as log:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=_ROOT)
        self.process = process
        try:
            self.wait(lambda: self.get(host(self.fleet.size - 1))[0] == 200)
            yield time.monotonic() - began
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(ENDS_WITHIN)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGTERM)  # The second one ends the drain.
                process.wait(ENDS_WITHIN)

    def get(self, name: str) -> tuple[int, str | None]:
        """Status, and the address that answered."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            connection.request("GET", "/", headers={"Host": name})
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.getheader(NAMED)
        finally:
            connection.close()

    def wait(self, accept: Callable[[], bool]) -> float:
        """Seconds until `accept`. Raises BenchError when haloy ends or it takes too long."""
        began = time.monotonic()
        while time.monotonic() - began < WITHIN:
            if self.process is not None and self.process.poll() is not None:
                break
            with suppress(OSError, http.client.HTTPException):
                if accept():
                    return time.monotonic() - began
            time.sleep(0.002)
        raise BenchError(f"not within {WITHIN:.0f} s: {(self._root / 'haloy.log').read_text()[-2000:]}")

    def saved(self, path: Path, text: str, live: Callable[[], bool]) -> float:
        """Seconds from the save to the first answer that shows the change."""
        beside = path.with_name(f".{path.name}")
        beside.write_text(text)
        beside.rename(path)
        return self.wait(live)

    def memory(self) -> float:
        """Resident MB of haloy itself, without HAProxy."""
        assert self.process is not None
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.partition("VmRSS:")[2].split()[0]) / 1024

    def idle(self) -> float:
        """Percent of one core that haloy itself takes while nothing changes."""
        assert self.process is not None
        pid = self.process.pid
        before = cpu.seconds(pid, lambda program: program != "haproxy")
        time.sleep(IDLE)
        return (cpu.seconds(pid, lambda program: program != "haproxy") - before) / IDLE * 100


def changes(haloy: Haloy, count: int) -> Iterator[tuple[str, list[float]]]:
    """Kinds of single changes, each with the seconds of `count` of them."""
    fleet, directory = haloy.fleet, haloy.directory

    def endpoint(number: int) -> float:
        moved = {address(number, 2), address(number, 3)}
        text = fleet.backend(number, shift=1)
        return haloy.saved(backend_file(directory, number), text, lambda: haloy.get(host(number))[1] in moved)

    def weight(number: int) -> float:
        number += count
        path, name = backend_file(directory, number), host(number)
        haloy.saved(path, fleet.backend(number, (100, 0)), lambda: _only(haloy, name, address(number, 0)))
        time.sleep(0.3)
        text = fleet.backend(number, (0, 100))
        return haloy.saved(path, text, lambda: haloy.get(name)[1] == address(number, 1))

    def new_route(number: int) -> float:
        name = host(fleet.size + number)
        text = route(fleet.size + number, number)
        return haloy.saved(route_file(directory, fleet.size + number), text, lambda: haloy.get(name)[0] == 200)

    def new_backend(number: int) -> float:
        number += fleet.size + count
        text = f"{fleet.backend(number)}---\n{route(number)}"
        return haloy.saved(backend_file(directory, number), text, lambda: haloy.get(host(number))[0] == 200)

    kinds = {"endpoints": endpoint, "a weight": weight, "a new Route": new_route, "a new Backend": new_backend}
    for kind, change in kinds.items():
        found = []
        for number in range(count):
            found.append(change(number))
            time.sleep(0.5)  # Each change by itself: a burst would be coalesced.
        yield kind, found


def _only(haloy: Haloy, name: str, wanted: str) -> bool:
    return all(haloy.get(name)[1] == wanted for _ in range(6))


def measure(size: int, count: int, start_goal: float, change_goal: float, idle_goal: float | None) -> Iterator[Figure]:
    """`count` single changes of each kind; those of a new Backend need a reload."""
    with tempfile.TemporaryDirectory(prefix="haloy-scale-") as folder, _upstream() as port:
        haloy = Haloy(Path(folder), Fleet(size, port))
        haloy.fleet.write(haloy.directory, per_file=1)
        among = f"{size:,} Routes, {size:,} Backends"
        with haloy.running() as seconds:
            yield Figure(f"{among}: cold start", seconds, "s", start_goal)
            time.sleep(SETTLES)
            for kind, found in changes(haloy, count):
                note = f"max {max(found):.2f} s of {len(found)}" + (", one reload each" if "Backend" in kind else "")
                yield Figure(f"{among}: {kind}, saved to live, p50", median(found), "s", change_goal, note)
            time.sleep(SETTLES)
            yield Figure(f"{among}: CPU while idle", haloy.idle(), "%", idle_goal)
            yield Figure(f"{among}: memory of haloy", haloy.memory(), "MB")


def free_ports(count: int) -> list[int]:
    """Different ports of the loopback address that nobody listens on now."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(listener.getsockname()[1]) for listener in listeners]


@contextmanager
def _upstream() -> Iterator[int]:
    (port,) = free_ports(1)
    process = subprocess.Popen([sys.executable, "-m", "bench.fleet", str(port)], stdin=subprocess.DEVNULL, cwd=_ROOT)
    try:
        yield port
    finally:
        process.kill()
        process.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 when everything was measured, whatever the figures: goals are printed, not enforced."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--small", type=int, default=1_000, help="objects of each kind [%(default)s]")
    parser.add_argument("--large", type=int, default=10_000, help="the same, large; 0: not measured [%(default)s]")
    parser.add_argument("--changes", type=int, default=10, help="single changes of each kind [%(default)s]")
    options = parser.parse_args(arguments)
    try:
        for figure in measure(options.small, options.changes, 5.0, 1.0, 3.0):
            _print(figure)
        if options.large:
            for figure in measure(options.large, max(options.changes // 3, 1), 15.0, 2.0, None):
                _print(figure)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def _print(figure: Figure) -> None:
    widths = (72, 10, 10, 8, 0)
    cells = (cell.ljust(width) for cell, width in zip(figure.cells(), widths, strict=True))
    print("  ".join(cells).rstrip(), flush=True)


if __name__ == "__main__":
    # Ends like Ctrl-C does: through the blocks that stop the processes.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(main())
