"""The first process of a node, in namespaces of its own: makes the node's files and network, then only collects the dead.

Runs alone (`python -I init.py PROGRAMS FOLDER`), so it imports nothing of the rest. What is mounted here is seen by the node only, and
is gone with it: /run is memory, /var is FOLDER/var, PROGRAMS and FOLDER are at the places below. When this process ends, the kernel ends every
process of the node.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

PROGRAMS = Path("/run/haloy/programs")
FOLDER = Path("/run/haloy/node")
READY = "ready"

_GLOBAL = ("kernel", "vm", "fs")
"""Of /proc/sys: not the node's own but the machine's, so read-only there."""

_WANTED = {
    "kernel/keys/root_maxbytes": "25000000",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
}
"""What kubelet insists on (k8s.io/component-helpers/node/util/sysctl). On the node it reads these; the machine's own stay as they are."""


def main(programs: str, folder: str) -> None:
    """Never returns."""
    outside = Path(folder)
    _run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/run")
    for source, target in ((programs, PROGRAMS), (folder, FOLDER)):
        target.mkdir(parents=True)
        _run("mount", "--bind", str(source), str(target))
    for name in ("lib", "log", "tmp", "cache"):
        (outside / "var" / name).mkdir(parents=True, exist_ok=True)
    (outside / "var" / "run").symlink_to("/run")
    _run("mount", "--bind", str(FOLDER / "var"), "/var")
    for name in _GLOBAL:
        _run("mount", "--bind", f"/proc/sys/{name}", f"/proc/sys/{name}")
        _run("mount", "-o", "remount,bind,ro", f"/proc/sys/{name}")
    for name, value in _WANTED.items():
        setting, shown = Path("/proc/sys") / name, FOLDER / "sysctl" / name
        if setting.exists():
            shown.parent.mkdir(parents=True, exist_ok=True)
            shown.write_text(f"{value}\n")
            _run("mount", "--bind", str(shown), str(setting))
    _run("ip", "link", "set", "lo", "up")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1\n")
    # Volumes that are mounted later by kubelet are to be seen by containers that ask for it.
    _run("mount", "--make-rshared", "/")
    (FOLDER / READY).touch()
    _collect()


def _collect() -> None:
    """Orphans become this process's children; without it each would stay as a zombie."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                continue
        except ChildProcessError:
            pass
        signal.sigtimedwait({signal.SIGCHLD}, 60)


def _run(*words: str) -> None:
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    main(*sys.argv[1:])
