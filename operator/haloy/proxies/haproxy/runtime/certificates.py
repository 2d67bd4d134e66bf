"""Certificates at run time: transactions, crt-list lines, and what HAProxy holds.

HAProxy has one certificate transaction and one CA transaction at a time; one that is left open blocks every other
file, so each ends with a commit or an abort.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping

from haloy.proxies.haproxy.artifacts import CertificateLine
from haloy.proxies.haproxy.plan.running import CA_FOLDER, CRT_LIST
from haloy.proxies.haproxy.runtime.cli_commands import Command, command
from haloy.proxies.haproxy.runtime.cli_parsers import CrtListEntry, parse_certificate_names, parse_crt_list
from haloy.proxies.haproxy.runtime.runtime_api import CommandFailed, RuntimeApi

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
_FINGERPRINT = re.compile(r"^SHA1 FingerPrint: ([0-9A-F]{40})$", re.MULTILINE)

Fingerprints = tuple[str, ...]
"""SHA-1, upper-case hex: of the leaf for a certificate, of every member (sorted) for a CA bundle."""


def fingerprints(path: str, pem: bytes) -> Fingerprints:
    """What HAProxy shows for this content of `path`; () if there is no certificate to be found in it."""
    try:
        found = [
            hashlib.sha1(base64.b64decode(b"".join(block.split())), usedforsecurity=False).hexdigest().upper()
            for block in _BLOCK.findall(pem)
        ]
    except binascii.Error:
        return ()
    return tuple(sorted(set(found))) if path.startswith(CA_FOLDER) else tuple(found[:1])


async def load(api: RuntimeApi, path: str, pem: bytes, *, new: bool) -> None:
    """Give `path` this content in one transaction, aborted if any part is refused. `new`: HAProxy does not know the file.

    Raises what `RuntimeApi.run` raises.
    """
    kind = _kind(path)
    steps = [command("new", "ssl", kind, path)] if new else []
    steps += [command("set", "ssl", kind, path, payload=pem), command("commit", "ssl", kind, path)]
    try:
        for step in steps:
            await api.run([step])
    except Exception:
        await api.attempt([command("abort", "ssl", kind, path)])
        if new:
            await api.attempt([command("del", "ssl", kind, path)])
        raise


def drop_command(path: str) -> Command:
    return command("del", "ssl", _kind(path), path)


def line_text(line: CertificateLine) -> str:
    """One line of a crt-list file."""
    options = [f"[{' '.join(line.options)}]"] if line.options else []
    return " ".join([line.path, *options, *line.filters])


def add_line_command(line: CertificateLine) -> Command:
    return command("add", "ssl", "crt-list", CRT_LIST, payload=f"{line_text(line)}\n")


async def remove_line(api: RuntimeApi, line: CertificateLine) -> None:
    """Take `line` out. Of two lines with the same file and names (options that change) the older one goes.

    Raises CommandFailed if there is no such line, and what `RuntimeApi.run` raises.
    """
    found = [entry.line for entry in await read_lines(api) or () if _same(entry, line)]
    if not found:
        raise CommandFailed(f"del ssl crt-list {CRT_LIST} {line.path}", "no such line")
    await api.run([command("del", "ssl", "crt-list", CRT_LIST, f"{line.path}:{min(found)}")])


async def read_lines(api: RuntimeApi) -> tuple[CrtListEntry, ...] | None:
    """The lines of the crt-list, None if it is not loaded."""
    if CRT_LIST not in (await api.run(["show ssl crt-list"]))[0].split():
        return None
    return parse_crt_list((await api.run([command("show", "ssl", "crt-list", "-n", CRT_LIST)]))[0])


def match_lines(entries: Iterable[CrtListEntry], known: Iterable[CertificateLine]) -> tuple[CertificateLine, ...]:
    """`entries` as the lines they were made from. Options cannot be read back, so file and names decide; an entry that
    no line of `known` accounts for is given as HAProxy shows it."""
    left: dict[tuple[str, frozenset[str]], list[CertificateLine]] = {}
    for line in known:
        left.setdefault((line.path, frozenset(line.filters)), []).append(line)
    result = []
    for entry in entries:
        candidates = left.get((entry.path, frozenset(entry.filters)))
        strange = CertificateLine(entry.path, tuple(entry.options.split()) or ("?",), entry.filters)
        result.append(candidates.pop() if candidates else strange)
    return tuple(result)


async def read(api: RuntimeApi, paths: Iterable[str] | None) -> dict[str, Fingerprints]:
    """What HAProxy holds of `paths`, None: of all files in `certs/` and `ca/`. A file it does not hold is left out."""
    listings = await api.run(["show ssl cert", "show ssl ca-file"])
    held = {name for listing in listings for name in parse_certificate_names(listing).names}
    ours = {name for name in held if name.startswith(("certs/", CA_FOLDER))}
    chosen = sorted(ours if paths is None else ours & set(paths))
    answers = await api.run([command("show", "ssl", _kind(path), path) for path in chosen])
    return {
        path: tuple(sorted(set(_FINGERPRINT.findall(answer)))) if path.startswith(CA_FOLDER) else _leaf(answer)
        for path, answer in zip(chosen, answers, strict=True)
    }


async def abort_open(api: RuntimeApi) -> tuple[str, ...]:
    """Abort what a killed haloy left open; returns the names of the files."""
    listings = await api.run(["show ssl cert", "show ssl ca-file"])
    names = [parse_certificate_names(listing).transaction for listing in listings]
    open_ones = tuple(name for name in names if name is not None)
    await api.run([command("abort", "ssl", _kind(name), name) for name in open_ones])
    return open_ones


def digests(
    held: Mapping[str, Fingerprints], pem: Mapping[str, bytes], known: Mapping[str, str], unknown: str
) -> dict[str, str]:
    """Material digests of what HAProxy holds: the one in `known` where the fingerprints are those of `pem`, else `unknown`."""
    return {
        path: known[path] if path in known and found and fingerprints(path, pem.get(path, b"")) == found else unknown
        for path, found in held.items()
    }


def _leaf(answer: str) -> Fingerprints:
    return tuple(_FINGERPRINT.findall(answer)[:1])


def _kind(path: str) -> str:
    return "ca-file" if path.startswith(CA_FOLDER) else "cert"


def _same(entry: CrtListEntry, line: CertificateLine) -> bool:
    return entry.path == line.path and frozenset(entry.filters) == frozenset(line.filters)
