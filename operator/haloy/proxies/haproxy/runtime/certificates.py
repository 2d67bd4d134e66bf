"""Certificates at run time: transactions, crt-list lines, and what HAProxy holds.

HAProxy has one certificate transaction and one CA transaction at a time; one that is left open blocks every other
file, so each ends with a commit or an abort.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

from cryptography import x509

from haloy.proxies.haproxy.artifacts import CertificateLine
from haloy.proxies.haproxy.plan.running import CA_FOLDER, CRT_LIST
from haloy.proxies.haproxy.runtime.cli_commands import Command, command
from haloy.proxies.haproxy.runtime.cli_parsers import CrtListEntry, parse_certificate_names, parse_crt_list
from haloy.proxies.haproxy.runtime.runtime_api import CommandFailed, RuntimeApi

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
_FINGERPRINT = re.compile(r"^SHA1 FingerPrint: ([0-9A-F]{40})$", re.MULTILINE)
_SERIAL = re.compile(r"^Serial: ([0-9A-F]+)$", re.MULTILINE)
_CHAIN = re.compile(r"^Chain (?:Subject|Issuer): (.*)$")
_ATTRIBUTE = re.compile(r"/[A-Za-z0-9.-]+=")
_ABSENT = "Not found"
_LONGEST = 7000
"""Bytes of an answer, or of the names in it, beyond which lines may be missing: HAProxy leaves out what does not fit into
one buffer (16 kB)."""


@dataclass(frozen=True, slots=True)
class Held:
    """What HAProxy shows of one PEM file.

    `fingerprints`: SHA-1, upper-case hex: of the leaf for a certificate, of every member (sorted) for a CA bundle.
    `chain`: subject and issuer of each certificate after the leaf (2.8 shows no fingerprint of them); None: they
    cannot be compared. `serial`: of the leaf, which is shown before all that may be too long.
    """

    fingerprints: tuple[str, ...]
    chain: tuple[str, ...] | None = ()
    serial: int | None = None

    def agrees(self, other: "Held") -> bool:
        """Whether both say the same, as far as it can be compared; one without a certificate agrees with none.

        With some hundred names in the certificate HAProxy's answer ends before the fingerprint: the serial number decides then.
        """
        if not (self.fingerprints and other.fingerprints) and self.serial is not None:
            return self.serial == other.serial
        if not self.fingerprints or self.fingerprints != other.fingerprints:
            return False
        return self.chain is None or other.chain is None or self.chain == other.chain


def expected(path: str, pem: bytes) -> Held:
    """What HAProxy shows for this content of `path`. Pure."""
    try:
        ders = [base64.b64decode(b"".join(block.split())) for block in _BLOCK.findall(pem)]
    except binascii.Error:
        return Held(())
    found = [hashlib.sha1(der, usedforsecurity=False).hexdigest().upper() for der in ders]
    if path.startswith(CA_FOLDER):
        return Held(tuple(sorted(set(found))))
    return Held(tuple(found[:1]), _chain_of(ders), _serial_of(ders))


def held(path: str, answer: str) -> Held:
    """The same from the answer to `show ssl cert` or `show ssl ca-file`. Pure."""
    found = _FINGERPRINT.findall(answer)
    if path.startswith(CA_FOLDER):
        return Held(tuple(sorted(set(found))))
    shown = _SERIAL.search(answer)
    serial = None if shown is None else int(shown[1], 16)
    if not found or len(answer.encode()) > _LONGEST:
        return Held(tuple(found[:1]), None, serial)
    names = (match[1] for line in answer.split("\n") if (match := _CHAIN.match(line)) is not None)
    return Held(tuple(found[:1]), tuple(map(_values, names)), serial)


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


async def read(api: RuntimeApi, paths: Iterable[str] | None) -> dict[str, Held]:
    """What HAProxy holds of `paths`, None: of all files in `certs/` and `ca/`. A file it does not hold is left out.

    Raises what `RuntimeApi.run` raises.
    """
    if paths is None:
        listings = await api.run(["show ssl cert", "show ssl ca-file"])
        names = {name for listing in listings for name in parse_certificate_names(listing).names}
        paths = {name for name in names if name.startswith(("certs/", CA_FOLDER))}
    chosen = sorted(paths)
    answers = await api.attempt([command("show", "ssl", _kind(path), path) for path in chosen])
    found = {}
    for path, answer in zip(chosen, answers, strict=True):
        if answer.failed and _ABSENT not in answer.text:
            raise CommandFailed(str(answer.command), answer.text)
        if not answer.failed:
            found[path] = held(path, answer.text)
    return found


async def abort_open(api: RuntimeApi) -> tuple[str, ...]:
    """Abort what a killed haloy left open; returns the names of the files."""
    listings = await api.run(["show ssl cert", "show ssl ca-file"])
    names = [parse_certificate_names(listing).transaction for listing in listings]
    open_ones = tuple(name for name in names if name is not None)
    await api.run([command("abort", "ssl", _kind(name), name) for name in open_ones])
    return open_ones


def digests(
    live: Mapping[str, Held], pem: Mapping[str, bytes], known: Mapping[str, str], unknown: str
) -> dict[str, str]:
    """Material digests of what HAProxy holds: the one in `known` where that is what `pem` says, else `unknown`."""
    return {
        path: known[path] if path in known and found.agrees(expected(path, pem.get(path, b""))) else unknown
        for path, found in live.items()
    }


def _chain_of(ders: list[bytes]) -> tuple[str, ...] | None:
    """Names as HAProxy shows them. None if it cannot show them in a way that can be read: control characters (a new
    line begins a line of its own), two bytes a character (the first NUL ends the line), too long."""
    try:
        certificates = [x509.load_der_x509_certificate(der) for der in ders]
        names = list(chain.from_iterable((one.subject, one.issuer) for one in certificates))
    except ValueError:
        return None
    if not all(map(_legible, names)):
        return None
    texts = ["".join(f"/x={attribute.value!s}" for attribute in name) for name in names]
    if sum(len(text.encode()) for text in texts) > _LONGEST:
        return None
    return tuple(map(_values, texts[2:]))


def _serial_of(ders: list[bytes]) -> int | None:
    try:
        return x509.load_der_x509_certificate(ders[0]).serial_number if ders else None
    except ValueError:
        return None


def _legible(name: x509.Name) -> bool:
    encoded = name.public_bytes()
    return all(
        isinstance(attribute.value, str) and attribute.value.isprintable() and attribute.value.encode() in encoded
        for attribute in name
    )


def _values(name: str) -> str:
    """`/CN=a/O=b` without the names of its attributes, for which OpenSSL has words of its own."""
    return _ATTRIBUTE.sub("/", name)


def _kind(path: str) -> str:
    return "ca-file" if path.startswith(CA_FOLDER) else "cert"


def _same(entry: CrtListEntry, line: CertificateLine) -> bool:
    return entry.path == line.path and frozenset(entry.filters) == frozenset(line.filters)
