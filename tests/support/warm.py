"""haloy as a process of its own, without the second that its imports cost: forked from an interpreter that has done them.

Everything else is as in a start from nothing: a session of its own, its own standard streams and environment, `main()`
on the top level of `__main__`, and the interpreter's own way out. What is about starting itself (how quick `--help` is, a
signal while haloy still imports) starts the cold way. Run as a program, this file is the interpreter that is forked.
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile

STREAMS = 3
LARGEST = 1 << 20
"""Bytes of one request: arguments and environment."""
IMPORTED = (
    "runtime.serve",
    "translate.explain",
    *(f"cli.{verb}" for verb in ("lint", "render", "route", "serve", "status")),
)
"""What most verbs import, and nothing that looks at the environment while it is imported."""


class Started:
    """One running haloy, as subprocess.Popen would show it."""

    def __init__(self, pid: int, told: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._told = told

    def poll(self) -> int | None:
        """The exit code, minus the signal's number for one that was killed; None: it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            self._told.settimeout(timeout)
            try:
                told = self._told.recv(16)
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired("haloy", timeout or 0) from None
            assert told, "the process that waits for haloy is gone"
            self.returncode = int(told)
            self._told.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Nothing happens to one that has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start(
    arguments: Sequence[str], environment: Mapping[str, str], streams: tuple[int, int, int], cwd: Path | None = None
) -> Started:
    """Start `haloy ARGUMENTS` with these descriptors as its standard input, output and error."""
    request = {"arguments": list(arguments), "environment": dict(environment), "cwd": str(cwd or Path.cwd())}
    told, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        socket.send_fds(_interpreter(), [json.dumps(request).encode()], [*streams, theirs.fileno()])
    pid = told.recv(16)
    assert pid, "the interpreter that is forked is gone"
    return Started(int(pid), told)


@dataclass(frozen=True, slots=True)
class Outcome:
    code: int
    out: str
    err: str


def outcome(
    arguments: Sequence[str], environment: Mapping[str, str], cwd: Path | None = None, stdin: bytes = b""
) -> Outcome:
    """Run `haloy ARGUMENTS` to its end, which must come within a minute. None ever shows a traceback."""
    with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as err:
        given.write(stdin)
        given.seek(0)
        process = start(arguments, environment, (given.fileno(), out.fileno(), err.fileno()), cwd)
        try:
            code = process.wait(60)
        finally:
            process.kill()
        out.seek(0)
        err.seek(0)
        shown = Outcome(code, out.read().decode(), err.read().decode())
    assert "Traceback" not in shown.err, shown.err
    return shown


@cache
def _interpreter() -> socket.socket:
    """Starts it, once in each test process; it ends when this process does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LARGEST)
    command = [sys.executable, "-P", __file__, str(theirs.fileno())]
    with theirs:
        process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _becomes_haloy(requests: socket.socket) -> bool:
    """Fork for every request. True in each process that is to be haloy; False in the first one, when nobody asks any more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # of those that wait, none is waited for
    while True:
        request, streams, _, _ = socket.recv_fds(requests, LARGEST, STREAMS + 1)
        if not request:
            return False
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return _forked(request, streams)
        for descriptor in streams:
            os.close(descriptor)


def _forked(request: bytes, descriptors: list[int]) -> bool:
    """Fork haloy and wait for it: its pid and its exit code are told over the last of the descriptors."""
    *streams, told = descriptors
    pid = os.fork()
    if pid:
        _, status = os.waitpid(pid, 0)
        os.write(told, str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    os.setsid()
    asked = json.loads(request)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = ["haloy", *asked["arguments"]]
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
    os.write(told, str(os.getpid()).encode())
    for descriptor in descriptors:
        os.close(descriptor)
    return True


if __name__ == "__main__":
    for module in IMPORTED:
        import_module(f"haloy.{module}")
    with socket.socket(fileno=int(sys.argv[1])) as asking:
        forked = _becomes_haloy(asking)
    if forked:
        from haloy.cli import main

        main()
