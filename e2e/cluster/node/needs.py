"""What a node needs of the machine: root, namespaces, and a few of Debian's packages."""

import os
import shutil
import subprocess
from pathlib import Path

from e2e.cluster.build import Say
from e2e.cluster.errors import NotPossibleHereError

CNI = Path("/usr/lib/cni")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PACKAGES = {
    "containerd": "containerd",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "iptables": "iptables",
    "mount": "mount",
    "nsenter": "util-linux",
    "runc": "runc",
}
_WITHIN = 600.0


def missing_packages() -> list[str]:
    """Of Debian, by name."""
    missing = {package for program, package in _PACKAGES.items() if shutil.which(program, path=_PATH) is None}
    if not (CNI / "ptp").exists():
        missing.add("containernetworking-plugins")
    return sorted(missing)


def require(say: Say) -> None:
    """In CI, missing packages are installed. Raises NotPossibleHereError."""
    if os.geteuid() != 0:
        raise NotPossibleHereError("a node needs root (namespaces, mounts, cgroups)")
    missing = missing_packages()
    if missing and os.environ.get("CI") == "true":
        say(f"installing {' '.join(missing)}")
        _install(missing)
        missing = missing_packages()
    if missing:
        raise NotPossibleHereError(f"a node needs packages that are not installed: apt-get install {' '.join(missing)}")
    words = ("unshare", "--mount", "--net", "--pid", "--fork", "true")
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
    if done.returncode != 0:
        raise NotPossibleHereError(f"a node needs namespaces of its own: {done.stderr.strip()}")


def _install(packages: list[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        try:
            done = subprocess.run(
                ["apt-get", "-qq", *words],
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=_WITHIN,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NotPossibleHereError(f"apt-get {words[0]}: {error}") from error
        if done.returncode != 0:
            raise NotPossibleHereError(f"apt-get {words[0]} failed: {done.stderr.strip()[-1000:]}")
