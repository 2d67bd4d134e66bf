"""The node as a machine: its own mounts, network and processes (Linux namespaces), a link to this one, and a way to run things there."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import IO

from e2e.cluster.build import Programs
from e2e.cluster.errors import ClusterError
from e2e.cluster.node import cgroups, init
from e2e.cluster.place import Place
from e2e.cluster.process import Process

_NAMESPACES = ("--mount", "--net", "--pid")
_ISOLATE = ("unshare", *_NAMESPACES, "--fork", "--kill-child", "--mount-proc", "--propagation", "private", "--")
_WITHIN = 120.0


class Machine:
    """`folder` is the node's own; inside, it and the programs are where `init` says."""

    def __init__(self, place: Place, programs: Programs) -> None:
        self._place = place
        self.folder = place.folder / "node"
        words = (sys.executable, "-I", init.__file__, str(programs.folder), str(self.folder))
        self.init = Process("node-init", place.folder, words, ready=self._is_made, prefix=lambda: _ISOLATE)

    def create(self) -> None:
        """Raises ComponentFailedError, ClusterError."""
        self.folder.mkdir(mode=0o755)
        cgroups.create(self._place.cgroup)
        self.init.start()
        self._link()

    def remove(self) -> None:
        """With the first process the kernel ends all others, and what they mounted and configured goes with the namespaces."""
        self.init.kill()
        cgroups.remove(self._place.cgroup)
        if (Path("/sys/class/net") / self._place.link).exists():
            _run("ip", "link", "delete", self._place.link)
        shutil.rmtree(self.folder, ignore_errors=True)

    def entering(self) -> tuple[str, ...]:
        """Words before a command that make it run there."""
        known = self.init.id
        if known is None or not known.runs:
            raise ClusterError("the node does not run")
        return ("nsenter", "--target", str(known.pid), *_NAMESPACES, "--")

    def run(self, *words: str, stdin: IO[bytes] | None = None, within: float = _WITHIN) -> str:
        """Standard output. Raises ClusterError with standard error."""
        return _run(*self.entering(), *words, stdin=stdin, within=within)

    def _is_made(self) -> str | None:
        return None if (self.folder / init.READY).exists() else "its mounts are not made yet"

    def _link(self) -> None:
        place, known = self._place, self.init.id
        assert known is not None, "create() started it"
        width = place.link_network.prefixlen
        _run("ip", "link", "add", place.link, "type", "veth", "peer", "name", "eth0", "netns", str(known.pid))
        _run("ip", "address", "add", f"{place.host_address}/{width}", "dev", place.link)
        _run("ip", "link", "set", place.link, "up")
        self.run("ip", "address", "add", f"{place.node_address}/{width}", "dev", "eth0")
        self.run("ip", "link", "set", "eth0", "up")
        self.run("ip", "route", "add", "default", "via", str(place.host_address))
        for network in (place.pods, place.services):
            _run("ip", "route", "add", str(network), "via", str(place.node_address))


def _run(*words: str, stdin: IO[bytes] | None = None, within: float = _WITHIN) -> str:
    try:
        done = subprocess.run(
            words, stdin=stdin or subprocess.DEVNULL, capture_output=True, check=False, timeout=within
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ClusterError(f"{words[0]}: {error}") from error
    if done.returncode != 0:
        raise ClusterError(f"{' '.join(words)} failed: {done.stderr.decode(errors='replace').strip()[-2000:]}")
    return done.stdout.decode(errors="replace")
