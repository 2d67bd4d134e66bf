import array
import fcntl
import os
import signal
import subprocess
import termios
import time
from pathlib import Path

import pytest

from tests.cli.command import EXAMPLES, SCRIPT, environment, haloy
from tests.support.ports import free_port

GRPC = EXAMPLES / "grpc"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("lint", "missing.yaml"), "haloy: missing.yaml cannot be read: No such file or directory"),
        (("lint", "/dev/null"), "haloy: /dev/null is neither a file nor a directory"),
        (("render", "missing"), "haloy: missing cannot be read: No such file or directory"),
        (("lint", GRPC, "--config", "missing.yaml"), "configuration file missing.yaml"),
        (("render", GRPC, "--object", "shop"), "is not KIND/NAMESPACE/NAME"),
        (("explain", "shop/x"), "is not KIND/NAMESPACE/NAME"),
        (("explain", "gateway/default/x"), "is not one of the kinds Route, Backend, HealthPolicy, Secret"),
        (("route", "test", "GET", "/no-host", "-f", GRPC), "is not a URL such as http://shop.example.com/cart"),
        (("route", "test", "GET", "http://[::1", "-f", GRPC), "is not a URL such as http://shop.example.com/cart"),
        (("route", "test", "GET", "http://a.test/", "-H", "nocolon"), "-H 'nocolon' is not 'NAME: VALUE'"),
        (("route", "test", "GET", "http://a.test/", "-f", "missing"), "missing cannot be read"),
        (("status", "--admin", "127.0.0.1:nonsense"), "no haloy answers at 127.0.0.1:nonsense"),
        (("serve",), "directory"),
    ],
    ids=lambda value: " ".join(map(str, value[:3])) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_done_is_said_and_exits_with_2(tmp_path: Path, arguments: tuple[object, ...], said: str) -> None:
    outcome = haloy(*arguments, cwd=tmp_path)
    assert outcome.code == 2
    assert said in outcome.err
    assert outcome.out == ""


@pytest.mark.parametrize("verb", [("status",), ("reloads",), ("explain", "route/default/x", "--live")])
def test_a_closed_admin_port_is_said(verb: tuple[str, ...]) -> None:
    admin = f"127.0.0.1:{free_port()}"
    outcome = haloy(*verb, "--admin", admin)
    assert outcome.code == 2
    assert f"no haloy answers at {admin}" in outcome.err
    assert "haloy serve" in outcome.err


def test_the_settings_of_the_environment_are_checked() -> None:
    outcome = haloy("lint", GRPC, env={"HALOY_HTTP": "nonsense"})
    assert outcome.code == 2
    assert "http: 'nonsense' is not ADDRESS:PORT" in outcome.err


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [SCRIPT, "render", GRPC], stdout=write, stderr=subprocess.PIPE, env=environment(), timeout=60, check=False
    )
    os.close(write)
    assert done.stderr == b""


def test_an_interrupt_is_quiet() -> None:
    process = subprocess.Popen(
        [SCRIPT, "lint", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )
    assert process.stdin is not None
    process.stdin.write(b"#")
    process.stdin.flush()
    deadline = time.monotonic() + 30
    while _unread(process.stdin.fileno()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, b"", b"")


def _unread(pipe: int) -> int:
    waiting = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, waiting)
    return waiting[0]
