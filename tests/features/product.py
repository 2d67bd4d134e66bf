"""`haloy serve DIR` as a user runs it: a process of its own with a real HAProxy, and real requests to it."""

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import pytest

from tests.support.binary import setting
from tests.support.ports import free_port
from tests.support.warm import Outcome, Started, outcome, start

T = TypeVar("T")
DEADLINE = 60.0
"""Seconds, for a machine that is busy with other tests. Nothing is expected to take that long."""

BOTH_WAYS = pytest.mark.parametrize(
    "product", [(), ("--no-lua",)], ids=["lua", "compiled"], indirect=True, scope="module"
)
"""For files whose rules must do the same as programs and compiled."""


def eventually(
    probe: Callable[[], T], accept: Callable[[T], bool] = bool, what: str = "", within: float = DEADLINE
) -> T:
    """Ask again until the answer is accepted. Fails with the last answer when the deadline passes."""
    end = time.monotonic() + within
    while True:
        found: Any
        try:
            found = probe()
            if accept(found):
                return found
        except (OSError, http.client.HTTPException, KeyError) as error:
            found = error
        if time.monotonic() > end:
            raise AssertionError(f"{what or probe}: not within {within} s; the last answer was {found!r}")
        time.sleep(0.01)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def echo(self) -> dict[str, Any]:
        """What the upstream says it received."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def upstream(self) -> str | None:
        return self.headers.get("x-upstream")


def fetch(
    port: int,
    host: str,
    path: str = "/",
    method: str = "GET",
    headers: Iterable[tuple[str, str]] = (),
    body: bytes | None = None,
    tls: bool = False,
    sni: str | None = None,
    source: str = "127.0.0.1",
) -> Answer:
    """One request on a connection of its own. `path` goes out as it is."""
    sock: socket.socket = socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(source, 0))
    try:
        if tls:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            sock = context.wrap_socket(sock, server_hostname=sni or host)
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.sock = sock
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", host)
        for name, value in headers:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        sock.close()


class Product:
    """One running haloy over `directory`. Ports are ephemeral; reloads may follow each other after 0.2 s."""

    warm = True
    """Whether it is forked from an interpreter that has done the imports, or runs `command()`."""

    def __init__(self, root: Path, *flags: str) -> None:
        self.directory = root / "objects"
        self.directory.mkdir(exist_ok=True)
        self.state = root / "state"
        self.log_file = root / "haloy.log"
        self.access_log = root / "access.log"
        self.http, self.https, self.admin = free_port(), free_port(), free_port()
        self.flags = flags
        self.process: subprocess.Popen[bytes] | Started | None = None

    def command(self) -> list[str]:
        return [sys.executable, "-m", "haloy.cli", *self.arguments()]

    def arguments(self) -> list[str]:
        listen = [f"--{name}=127.0.0.1:{port}" for name, port in self.ports.items()]
        fixed = [f"--state={self.state}", f"--access-log={self.access_log}", "--reload-interval=200ms"]
        return ["serve", str(self.directory), *listen, *fixed, *self.flags]

    @property
    def ports(self) -> dict[str, int]:
        return {"http": self.http, "https": self.https, "admin": self.admin}

    def start(self, wait: bool = True) -> "Product":
        with self.log_file.open("ab") as log:
            self.launch(log, log)
        if wait:
            eventually(self._readiness, lambda text: text == "ok\n", f"{self.directory} is ready")
        return self

    def _readiness(self) -> str:
        assert self.process is not None
        assert self.process.poll() is None, self.log_tail()
        return self.view("/readyz")

    def launch(self, out: BinaryIO, err: BinaryIO) -> None:
        """Start the process, with nothing to read and these two to write to."""
        environment = {**os.environ, **setting()}
        with Path(os.devnull).open("rb") as nothing:
            if self.warm:
                self.process = start(self.arguments(), environment, (nothing.fileno(), out.fileno(), err.fileno()))
            else:
                self.process = subprocess.Popen(
                    self.command(), stdin=nothing, stdout=out, stderr=err, start_new_session=True, env=environment
                )

    def outcome(self, *flags: str) -> Outcome:
        """Run to the end, beside what runs already; each of these flags takes the place of those of its name."""
        replaced = tuple(flag.partition("=")[0] + "=" for flag in flags)
        kept = [word for word in self.arguments() if not word.startswith(replaced)]
        return outcome([*kept, *flags], {**os.environ, **setting()})

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end. Returns the exit code."""
        assert self.process is not None
        process, self.process = self.process, None
        process.send_signal(number)
        return process.wait(timeout=60)

    def view(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}{path}", timeout=30) as answer:
            text: str = answer.read().decode()
        return text

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.view("/v1/status"))
        return found

    def object(self, kind: str, name: str, namespace: str = "default") -> dict[str, Any]:
        """The `status` of one object. Raises KeyError when haloy does not know it."""
        for item in self.status()["objects"]:
            if item["kind"] == kind and item["metadata"] == {"namespace": namespace, "name": name}:
                found: dict[str, Any] = item["status"]
                return found
        raise KeyError(f"{kind} {namespace}/{name}")

    def condition(self, kind: str, name: str, type: str, namespace: str = "default") -> dict[str, Any]:
        conditions = self.object(kind, name, namespace)["conditions"]
        found: dict[str, Any] = next(item for item in conditions if item["type"] == type)
        return found

    def wait_condition(self, kind: str, name: str, type: str, status: str, reason: str | None = None) -> dict[str, Any]:
        return eventually(
            lambda: self.condition(kind, name, type),
            lambda found: found["status"] == status and reason in (None, found["reason"]),
            f"{kind} {name} {type}={status} {reason or ''}",
        )

    def write(self, filename: str, text: str) -> Path:
        """Save a file as an editor does: beside, then renamed over."""
        path = self.directory / filename
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.swp")
        temporary.write_text(text)
        temporary.rename(path)
        return path

    def get(self, host: str, path: str = "/", **options: Any) -> Answer:
        return fetch(self.https if options.get("tls") else self.http, host, path, **options)

    def wait_answer(self, host: str, path: str, accept: Callable[[Answer], bool], **options: Any) -> Answer:
        return eventually(lambda: self.get(host, path, **options), accept, f"{host}{path}")

    def reload_count(self) -> int:
        return len(json.loads(self.view("/v1/reloads"))["reloads"])

    def log_tail(self) -> str:
        return self.log_file.read_text(errors="replace")[-4000:] if self.log_file.exists() else ""

    def haproxy_pids(self) -> list[int]:
        """Every process whose command line names this product's state folder and is not haloy itself."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if os.fsencode(self.state) in b" ".join(words) and b"haloy.cli" not in words:
                found.append(int(entry.name))
        return found


def backend(name: str, *endpoints: str, extra: str = "") -> str:
    """A Backend's YAML; `endpoints` as flow mappings, `extra` lines of its spec."""
    more = "".join(f"  {line}\n" for line in extra.splitlines())
    return (
        "apiVersion: haloy.dev/v1alpha1\nkind: Backend\nmetadata: {name: " + name + "}\nspec:\n"
        f"  endpoints: [{', '.join(endpoints)}]\n{more}---\n"
    )


def route(name: str, spec: str) -> str:
    """A Route's YAML; `spec` are the lines of its spec."""
    lines = "".join(f"  {line}\n" for line in spec.strip().splitlines())
    return "apiVersion: haloy.dev/v1alpha1\nkind: Route\nmetadata: {name: " + name + "}\nspec:\n" + lines + "---\n"


def policy(name: str, spec: str) -> str:
    """A HealthPolicy's YAML; `spec` are the lines of its spec."""
    lines = "".join(f"  {line}\n" for line in spec.strip().splitlines())
    return (
        "apiVersion: haloy.dev/v1alpha1\nkind: HealthPolicy\nmetadata: {name: " + name + "}\nspec:\n" + lines + "---\n"
    )
