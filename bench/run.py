"""One run: starts every proxy, sends the same load to each in turn, and says what a request cost."""

import json
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from bench import cpu
from bench.site import HOST, Answer, Launch, Missing, Site

_ROOT = Path(__file__).resolve().parent.parent
"""Where `-m bench.load` finds this package, wherever the run was started."""
READY_WITHIN = 240.0
ENDS_WITHIN = 45.0
"""Seconds; longer than the 30 s that a proxy may wait for its last requests."""
WARM_UP = 2_000
IDLE = 3.0


class BenchError(Exception):
    """A proxy did not start, or did not answer every request with 200."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`requests` is per round and proxy. Many short rounds beat few long ones: what else the machine does meanwhile then
    falls on neighbours alike, and their ratio stays."""

    rounds: int = 15
    requests: int = 10_000
    connections: int = 32
    headers: tuple[str, ...] = ()
    """Lines that every request carries beside its usual ones."""
    settles: float = 0.0
    """Seconds after the start in which proxies are left to their first checks."""

    def __post_init__(self) -> None:
        if not (1 <= self.rounds <= 1_000 and 1 <= self.requests <= 1_000_000 and 1 <= self.connections <= 1_000):
            raise ValueError("rounds and connections from 1 to 1,000, requests from 1 to 1,000,000")


@dataclass(frozen=True, slots=True)
class Measured:
    """`rounds`: µs of CPU per request, one figure a round. `own`: the same of processes that only steer the proxy, median.
    `idle`: ms of CPU per second without any request. `log_line`: the last line of the access log, empty when it has none."""

    rounds: tuple[float, ...]
    own: float
    idle: float
    lacks: tuple[str, ...]
    log_line: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The proxy is installed but did not start or did not answer; the rest was measured without it."""

    reason: str


Result = Measured | Missing | Failed


@dataclass(slots=True)
class _Running:
    process: subprocess.Popen[bytes]
    launch: Launch
    site: Site

    def counted(self) -> float:
        program = self.launch.program
        return cpu.seconds(self.process.pid, lambda name: program is None or name == program)

    def steering(self) -> float:
        program = self.launch.program
        return cpu.seconds(self.process.pid, lambda name: program is not None and name != program)


def measure(
    proxies: Mapping[str, Callable[[Site], Answer]], plan: Plan, peers: Path, say: Callable[[str], None]
) -> dict[str, Result]:
    """Measures all proxies against each other, rounds interleaved, every one still running while the others are loaded.

    Raises BenchError when a proxy that had started fails under load; whatever was started is stopped in any case.
    """
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="haloy-bench-")))
        directory.chmod(0o755)  # nginx's workers give up root and open files below.
        chain, key = _certificate(directory)
        endpoints = free_port(), free_port()
        stack.enter_context(_process([sys.executable, "-m", "bench.upstream", *map(str, endpoints)], directory))
        absent: dict[str, Missing | Failed] = {}
        running: dict[str, _Running] = {}
        for name, prepare in proxies.items():
            own = directory / name
            own.mkdir()
            site = Site(own, peers.absolute(), free_port(), free_port(), free_port(), endpoints, chain, key)
            answer = prepare(site)
            if isinstance(answer, Missing):
                absent[name] = answer
                continue
            say(f"starting {name}")
            process = stack.enter_context(_process(answer.argv, own, logs_to_stdout=answer.logs_to_stdout))
            each = _Running(process, answer, site)
            try:
                _wait_until_ready(each, plan)
            except BenchError as error:
                say(f"{name}: {error}")
                absent[name] = Failed(str(error).partition(":")[0])
            else:
                running[name] = each
        say(f"idle for {IDLE:.0f} s, then {plan.rounds} rounds of {plan.requests:,} requests to each")
        found = _rounds(running, plan)
        return {name: absent.get(name) or found[name] for name in proxies}


def _rounds(running: Mapping[str, _Running], plan: Plan) -> dict[str, Measured]:
    time.sleep(plan.settles)
    for each in running.values():
        _load(each, plan, min(WARM_UP, plan.requests))
    before = {name: each.counted() for name, each in running.items()}
    time.sleep(IDLE)
    idle = {name: (each.counted() - before[name]) / IDLE * 1e3 for name, each in running.items()}
    figures: dict[str, list[float]] = {name: [] for name in running}
    own: dict[str, list[float]] = {name: [] for name in running}
    order = list(running)
    for number in range(plan.rounds):
        # Nobody is always measured right after the same neighbour's start of a round.
        for name in order[number % len(order) :] + order[: number % len(order)]:
            each = running[name]
            counted, steering = each.counted(), each.steering()
            _load(each, plan, plan.requests)
            figures[name].append((each.counted() - counted) / plan.requests * 1e6)
            own[name].append((each.steering() - steering) / plan.requests * 1e6)
    return {
        name: Measured(
            tuple(figures[name]),
            sorted(own[name])[len(own[name]) // 2],
            idle[name],
            each.launch.lacks,
            _last_log_line(each.site.access_log),
        )
        for name, each in running.items()
    }


FIRST_PORT, LAST_PORT = 61_000, 65_000
"""Above those that Linux gives to clients, so that none takes a port between its choice and its use."""


def free_port() -> int:
    """A port of the loopback address that nobody listens on now. Raises BenchError if all are taken."""
    for port in random.sample(range(FIRST_PORT, LAST_PORT), k=LAST_PORT - FIRST_PORT):
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
    raise BenchError(f"no port from {FIRST_PORT} to {LAST_PORT} is free")


def _certificate(directory: Path) -> tuple[Path, Path]:
    issued = trustme.CA().issue_cert(HOST)
    chain, key = directory / "chain.pem", directory / "key.pem"
    chain.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    return chain, key


@contextmanager
def _process(
    argv: Sequence[str], directory: Path, *, logs_to_stdout: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    name = "access.log" if logs_to_stdout else "stdout.txt"
    with (directory / name).open("ab") as stdout, (directory / "stderr.txt").open("ab") as stderr:
        # A session of its own for each, as haloy gives its HAProxy: the kernel's autogroups share the processors among sessions, and
        # who runs sooner handles fewer events at a time, which costs more CPU for the same work.
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, cwd=_ROOT, start_new_session=True
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(each: _Running, plan: Plan) -> None:
    more = dict(line.split(": ", 1) for line in plan.headers)
    url = f"http://127.0.0.1:{each.site.http}/products/42"
    request = urllib.request.Request(url, headers={"Host": HOST, **more})
    deadline = time.monotonic() + READY_WITHIN
    last = "no answer"
    while time.monotonic() < deadline:
        if each.process.poll() is not None:
            raise BenchError(f"ended with code {each.process.returncode}: {_output(each)}")
        try:
            with urllib.request.urlopen(request, timeout=2):
                return
        except (urllib.error.URLError, OSError) as error:
            last = str(error)
        time.sleep(0.05)
    raise BenchError(f"no 200 within {READY_WITHIN:.0f} s: {last}; {_output(each)}")


def _load(each: _Running, plan: Plan, requests: int) -> None:
    numbers = map(str, (plan.connections, requests))
    argv = [sys.executable, "-m", "bench.load", str(each.site.http), HOST, *numbers, *plan.headers]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=_ROOT)
    if done.returncode != 0:
        raise BenchError(f"the load on {each.site.directory.name} failed: {done.stderr[-800:]} {_output(each)}")
    result = json.loads(done.stdout)
    if result["failed"]:
        raise BenchError(f"{each.site.directory.name}: {result['failed']} of {requests} answers were not 200")


def _output(each: _Running) -> str:
    texts = ((each.site.directory / name) for name in ("stdout.txt", "stderr.txt"))
    return "\n".join(path.read_text(errors="replace")[-1500:] for path in texts if path.exists())


def _last_log_line(path: Path) -> str:
    if not path.exists():
        return ""
    lines = path.read_bytes()[-65536:].splitlines()
    return lines[-1].decode("utf-8", "replace") if lines else ""
