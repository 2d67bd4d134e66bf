"""The base layer: of each Debian package what a Python program needs, and the few files that no package has.

There is no shell, no package manager and no program but Python. What is left out, and that nothing needed is, is tested
(e2e/image/): every shared library finds those it names, and every module of haloy and its libraries can be imported.
"""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from image import deb

PYTHON = "3.13"
SUITE = "trixie"
USER = 65532

PACKAGES = (
    "base-files",  # /etc/os-release, the merged /usr, the common licences
    "ca-certificates",
    "gcc-14-base",  # libgcc's licence
    "libbz2-1.0",
    "libc6",
    "libexpat1",
    "libffi8",  # ctypes
    "libgcc-s1",  # the Rust extensions
    "liblzma5",
    f"libpython{PYTHON}-minimal",
    f"libpython{PYTHON}-stdlib",
    "libsqlite3-0",  # haloy's last valid documents
    "libssl3t64",  # Python's and HAProxy's TLS
    "libstdc++6",
    "libzstd1",  # libssl's
    "netbase",  # /etc/services and /etc/protocols
    f"python{PYTHON}-minimal",
    "zlib1g",
)

_STDLIB = f"usr/lib/python{PYTHON}"
_TOP = r"bin|dev|etc|lib|lib64|proc|root|run|sbin|sys|tmp|usr|var"
_DROPPED = re.compile(
    rf"""(?!({_TOP})(/|$))                                                # /boot, /home, /mnt, ... and what else base-files makes
    |usr/(games|include|sbin|src|local/(etc|games|include|man|sbin|share|src))(/|$)
    |usr/share/(?!doc(/|$)|common-licenses(/|$)|ca-certificates(/|$))     # manual pages, locales, lintian's notes
    |usr/share/doc/[^/]+/(?!copyright$)                                   # of the documentation, the licence
    |usr/lib/[^/]+-linux-gnu/(gconv|audit|ossl-modules|engines-3)(/|$)
    |usr/lib/(valgrind|locale)(/|$)
    |etc/(update-motd.d|ca-certificates|profile.d|skel|opt|issue|motd|dpkg|default|host.conf|rpc|ethertypes|python)
    |var/(?!lib$|tmp$)                                                    # empty folders for services that are not here
    |{_STDLIB}/(idlelib|ensurepip|tkinter|turtledemo|turtle\.py|sitecustomize\.py|test|pydoc_data|curses|dbm|_pyrepl|config-)
    |{_STDLIB}/lib-dynload/(_curses|_dbm|_gdbm|_tkinter|_uuid|readline|_test|_xx|xx)
    """,
    re.VERBOSE,
)

_FILES = {
    "etc/passwd": f"root:x:0:0:root:/root:/nonexistent\nhaloy:x:{USER}:{USER}:haloy:/var/lib/haloy:/nonexistent\n",
    "etc/group": f"root:x:0:\nhaloy:x:{USER}:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n",
}


def wanted(path: str) -> bool:
    """Whether a path of a Debian package is part of the image."""
    return _DROPPED.match(path) is None


def make(tree: Path, packages: Iterable[Path]) -> None:
    """Write the layer below `tree`, an empty folder."""
    for package in packages:
        deb.unpack(package, tree, wanted)
        control = deb.control(package)
        name = re.search(r"^Package: (\S+)$", control, re.MULTILINE)
        assert name is not None, package
        _write(tree / "var/lib/dpkg/status.d" / name[1], control)  # where vulnerability scanners look
    for path, text in _FILES.items():
        _write(tree / path, text)
    _trust(tree)
    (tree / "usr/bin/python3").symlink_to(f"python{PYTHON}")
    state = tree / "var/lib/haloy"
    state.mkdir()
    # Whatever the builder's umask is. haloy's folder is as /tmp is, for the container may run as any user (OpenShift chooses one).
    for folder in (path for path in tree.rglob("*") if path.is_dir() and not path.is_symlink()):
        folder.chmod(0o1777 if folder in (tree / "tmp", state) else 0o755)


def _trust(tree: Path) -> None:
    """All of Mozilla's authorities as one file where OpenSSL looks, as update-ca-certificates writes it."""
    given = tree / "usr/share/ca-certificates"
    authorities = sorted(given.rglob("*.crt"))
    assert authorities, "ca-certificates has no authorities"
    _write(tree / "etc/ssl/certs/ca-certificates.crt", "".join(path.read_text() for path in authorities))
    shutil.rmtree(given)
    folder = tree / "usr/lib/ssl"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cert.pem").symlink_to("/etc/ssl/certs/ca-certificates.crt")
    (folder / "certs").symlink_to("/etc/ssl/certs")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o644)
