"""One `haloy serve` over a fleet, asked and changed from outside, with what that cost."""

import http.client
import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench import cpu
from bench.fleet import NAMED, Fleet
from bench.run import BenchError, free_port

ROOT = Path(__file__).resolve().parent.parent
IDLE = 10.0
WITHIN = 180.0
ENDS_WITHIN = 20.0
QUIET = 1.5
"""Seconds after a change in which everything it causes has happened: files are brought up to date within one."""
_COMMANDS = re.compile(r"live in \d+ ms with (\d+) runtime command")


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one change. `seconds`: from the save to the first answer that shows it. `bytes`: what haloy itself wrote to files and its log,
    until all is quiet. `commands`: to the Runtime API."""

    seconds: float
    commands: int
    bytes: int
    reloads: int


@dataclass(frozen=True, slots=True)
class Answer:
    """`upstream`: the address that answered, None: HAProxy itself."""

    status: int
    upstream: str | None
    headers: dict[str, str]


class Haloy:
    """One running `haloy serve` on `fleet`."""

    def __init__(self, root: Path, fleet: Fleet, flags: Sequence[str] = ()) -> None:
        self.fleet = fleet
        self.directory = root / "objects"
        self._root = root
        self._flags = flags
        self._port, self._https, self._admin = free_ports(3)
        self.process: subprocess.Popen[bytes] | None = None

    @contextmanager
    def running(self) -> Iterator[float]:
        """Gives the seconds from the start of the process to the first answer of the last Route."""
        ports = {"http": self._port, "https": self._https, "admin": self._admin}
        flags = [f"--{name}=127.0.0.1:{port}" for name, port in ports.items()]
        flags += [f"--state={self._root / 'state'}", f"--access-log={self._root / 'access.log'}", *self._flags]
        argv = [sys.executable, "-m", "haloy.cli", "serve", str(self.directory), *flags, "--reload-interval=200ms"]
        began = time.monotonic()
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT, start_new_session=True
            )
        self.process = process
        try:
            self.wait(lambda: self.get(*self.fleet.place(self.fleet.size - 1)).status == 200)
            yield time.monotonic() - began
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(ENDS_WITHIN)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGTERM)  # The second one ends the drain.
                process.wait(ENDS_WITHIN)

    @property
    def _log(self) -> Path:
        return self._root / "haloy.log"

    def get(self, name: str, path: str = "/") -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            connection.request("GET", path, headers={"Host": name})
            answer = connection.getresponse()
            answer.read()
            headers = {key.lower(): value for key, value in answer.getheaders()}
            return Answer(answer.status, headers.get(NAMED), headers)
        finally:
            connection.close()

    def certificate(self, name: str) -> bytes:
        """What is presented for `name`, DER."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with (
            socket.create_connection(("127.0.0.1", self._https), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=name) as tls,
        ):
            return tls.getpeercert(binary_form=True) or b""

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
        raise BenchError(f"not within {WITHIN:.0f} s: {self._log.read_text()[-2000:]}")

    def saved(self, path: Path, text: str, live: Callable[[], bool]) -> Cost:
        """Save as an editor does, wait until it is live, then until all is quiet."""
        beside = path.with_name(f".{path.name}")
        beside.write_text(text)
        return self._cost(lambda: beside.rename(path), live)

    def removed(self, path: Path, live: Callable[[], bool]) -> Cost:
        """As `saved`, of a file that is deleted."""
        return self._cost(path.unlink, live)

    def applied(self) -> int:
        """How many changes were live, and read back, so far."""
        return self._log.read_text().count(" objects, live in ")

    def _cost(self, change: Callable[[], object], live: Callable[[], bool]) -> Cost:
        said, wrote, reloads = self._log.stat().st_size, self._written(), self._reloads()
        change()
        seconds = self.wait(live)
        time.sleep(QUIET)
        with self._log.open("rb") as log:
            log.seek(said)
            commands = sum(map(int, _COMMANDS.findall(log.read().decode("utf-8", "replace"))))
        return Cost(seconds, commands, self._written() - wrote, self._reloads() - reloads)

    def _written(self) -> int:
        """Bytes given to write(): files and the log. What goes to sockets is sent, not written."""
        assert self.process is not None
        text = Path(f"/proc/{self.process.pid}/io").read_text()
        return int(text.partition("wchar:")[2].split()[0])

    def _reloads(self) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._admin}/v1/reloads", timeout=10) as answer:
            return len(json.load(answer)["reloads"])

    def reload_seconds(self) -> tuple[float, ...]:
        """How long each reload took, from the candidate's check to the answer of the new worker."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._admin}/v1/reloads", timeout=10) as answer:
            return tuple(float(record["seconds"]) for record in json.load(answer)["reloads"])

    def memory(self) -> tuple[float, float]:
        """Resident MB of haloy itself, and of the HAProxy worker that has most (the master has next to none)."""
        assert self.process is not None
        pid = self.process.pid
        workers = [_resident(each) for each in cpu.descendants(pid) if cpu.executable(each) == "haproxy"]
        return _resident(pid), max(workers, default=0.0)

    def idle(self) -> float:
        """Percent of one core that haloy itself takes while nothing changes."""
        assert self.process is not None
        pid = self.process.pid
        before = cpu.seconds(pid, lambda program: program != "haproxy")
        time.sleep(IDLE)
        return (cpu.seconds(pid, lambda program: program != "haproxy") - before) / IDLE * 100


def _resident(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024


def free_ports(count: int) -> list[int]:
    """Different ports of the loopback address that nobody listens on now."""
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return sorted(found)
