"""Runs an unpacked image the way a strict cluster does: runc, read-only root, no capability, no new privileges, the image's own user."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.image.unpacked import read

DEADLINE = 40.0


@dataclass(frozen=True, slots=True)
class Container:
    """A running container. It has a loopback of its own and no other network, so its ports are never taken."""

    name: str
    bundle: Path
    process: subprocess.Popen[str]

    def python(self, program: str) -> str:
        """What the image's own Python prints, run inside. Raises AssertionError with what it said."""
        done = self._runc("exec", self.name, "/usr/bin/python3", "-c", program)
        assert done.returncode == 0, f"{done.stderr}\n--- the container said:\n{self.said()}"
        return done.stdout

    def until(self, program: str) -> str:
        """The first output of `program` that is not empty."""
        end = time.monotonic() + DEADLINE
        why = ""
        while time.monotonic() < end:
            assert self.process.poll() is None, f"the container ended:\n{self.said()}"
            done = self._runc("exec", self.name, "/usr/bin/python3", "-c", program)
            if done.returncode == 0 and done.stdout:
                return done.stdout
            why = done.stderr
            time.sleep(0.1)
        raise AssertionError(f"nothing came in {DEADLINE:.0f} s: {why}\n--- the container said:\n{self.said()}")

    def said(self) -> str:
        return (self.bundle / "output").read_text()

    def stop(self) -> int:
        """SIGTERM, as a cluster does it; the exit code."""
        self._runc("kill", self.name, "TERM")
        return self.process.wait(DEADLINE)

    def _runc(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ("runc", "--root", str(self.bundle / "runc"), *words),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


@contextmanager
def running(
    image: Path, root: Path, bundle: Path, arguments: list[str], *, content: Path | None = None
) -> Iterator[Container]:
    """`arguments` follow the image's entry point; `content` is mounted read-only at /etc/haloy. Ends it, however the block ends."""
    container_config = read(image).config["config"]
    bundle.mkdir()
    (bundle / "config.json").write_text(json.dumps(_specification(bundle, root, container_config, arguments, content)))
    name = f"haloy-test-{bundle.name}"
    with (bundle / "output").open("w") as output:
        words = ("runc", "--root", str(bundle / "runc"), "run", "--bundle", str(bundle), name)
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, text=True)
    container = Container(name, bundle, process)
    try:
        yield container
    finally:
        if process.poll() is None:
            container._runc("kill", "--all", name, "KILL")
            process.wait(DEADLINE)
        container._runc("delete", "--force", name)


def _specification(
    bundle: Path, root: Path, config: dict[str, Any], arguments: list[str], content: Path | None
) -> dict[str, Any]:
    subprocess.run(("runc", "spec", "--bundle", str(bundle)), check=True, capture_output=True)
    path = bundle / "config.json"
    specification: dict[str, Any] = json.loads(path.read_text())
    user, group = map(int, config["User"].split(":"))
    specification["process"] |= {
        "terminal": False,
        "args": [*config["Entrypoint"], *arguments],
        "env": config["Env"],
        "cwd": config["WorkingDir"],
        "user": {"uid": user, "gid": group},
        "capabilities": {},
        "noNewPrivileges": True,
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 10_000, "soft": 10_000}],
    }
    specification["root"] = {"path": str(root), "readonly": True}
    writable = {
        "destination": "/var/lib/haloy",
        "type": "tmpfs",
        "source": "tmpfs",
        "options": ["mode=1777", "nosuid", "noexec"],
    }
    specification["mounts"].append(writable)
    if content is not None:
        bind = {"destination": "/etc/haloy", "type": "bind", "source": str(content), "options": ["rbind", "ro"]}
        specification["mounts"].append(bind)
    return specification
