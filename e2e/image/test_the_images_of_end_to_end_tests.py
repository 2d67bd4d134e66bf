"""pause and echo: small, of one static program, the same from any folder; echo passes its own tests."""

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e import images
from e2e.image.conftest import missing
from e2e.image.unpacked import read, unpack
from e2e.images import compiled
from tests.support.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]

ROOT = Path(__file__).parents[2]
DEADLINE = 20.0


@pytest.fixture(scope="module", autouse=True)
def go() -> None:
    """These tests need a Go toolchain and, the first time, the Go modules."""
    try:
        images.reference("pause")
    except images.NotBuildableError as error:
        missing(str(error))


@pytest.mark.parametrize("name", images.NAMES)
def test_it_is_one_static_program(name: images.Name, tmp_path: Path) -> None:
    path = images.build(name)
    found = read(path)
    assert found.docker[0]["RepoTags"] == [images.reference(name)]
    assert found.config["config"]["Entrypoint"] == [f"/{name}"]
    root = unpack(path, tmp_path)
    assert [each.name for each in root.iterdir()] == [name]
    shown = subprocess.run(("ldd", str(root / name)), capture_output=True, text=True, check=False)
    assert "not a dynamic executable" in shown.stderr + shown.stdout


def test_it_is_built_once() -> None:
    path = images.build("pause")
    written = path.stat().st_mtime_ns
    assert images.build("pause") == path
    assert path.stat().st_mtime_ns == written


def test_two_builds_of_it_are_the_same(tmp_path: Path) -> None:
    first, second = (compiled.compile_program("pause", tmp_path / name) for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()


def test_pause_ends_when_told(tmp_path: Path) -> None:
    program = unpack(images.build("pause"), tmp_path) / "pause"
    process = subprocess.Popen((str(program),))
    try:
        # It is asleep once it has a handler for SIGTERM.
        wait_for(lambda: caught(process.pid) & (1 << (signal.SIGTERM - 1)))
        process.terminate()
        assert process.wait(DEADLINE) == 0
    finally:
        process.kill()
        process.wait()


def test_echo_ends_by_itself_after_sigterm(tmp_path: Path) -> None:
    program = unpack(images.build("echo"), tmp_path) / "echo"
    port = free_port()
    environment = {"ECHO_HTTP": f"127.0.0.1:{port}", "ECHO_DRAIN": "300ms", "POD_NAME": "one"}
    process = subprocess.Popen((str(program),), env=environment, stdout=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: status(port) == 200)
        process.terminate()
        wait_for(lambda: status(port) == 503)
        said, _ = process.communicate(timeout=DEADLINE)
        assert process.returncode == 0
        assert [line in said for line in ('"msg":"listening"', '"msg":"draining"', '"msg":"ended"')] == [True] * 3
    finally:
        process.kill()
        process.wait()


def test_echo_passes_its_own_tests() -> None:
    go = os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    words = (str(compiled.go()), "test", "./...")
    done = subprocess.run(words, cwd=ROOT / "e2e/images/echo", env=go, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.01)


def status(port: int) -> int | None:
    """Of /healthz; None while nothing listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return None


def caught(pid: int) -> int:
    """The signals that a process has handlers for, as a mask."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("SigCgt:")).split()[1], 16)
