"""The crt-list: which certificate answers to which name, and with which least version of TLS."""

from collections.abc import Iterable

from haloy.model.model import Certificate
from haloy.model.routing import HostKind, VirtualHost
from haloy.proxies.haproxy.artifacts import CertificateLine
from haloy.proxies.haproxy.names import certificate_file, digest
from haloy.proxies.haproxy.render import tokens

NAMES_PER_LINE = 100
_LOWEST = "1.2"
_VERSIONS = {"1.2": "TLSv1.2", "1.3": "TLSv1.3"}


def certificate_lines(
    vhosts: Iterable[VirtualHost], certificates: Iterable[Certificate], fallback: str
) -> tuple[CertificateLine, ...]:
    """Lines by certificate and version, sorted, with all names. HAProxy looks for the exact name first, then for the
    wildcard one label up. A host whose certificate is missing is listed only if its version is not the usual one."""
    files = {certificate.name: certificate_file(certificate.name) for certificate in certificates}
    names: dict[tuple[str, str], set[str]] = {}
    for vhost in vhosts:
        if vhost.tls is None or vhost.kind is HostKind.ANY:
            continue
        own = None if vhost.tls.certificate is None else files.get(vhost.tls.certificate)
        if own is not None or vhost.tls.min_version != _LOWEST:
            names.setdefault((own or fallback, vhost.tls.min_version), set()).add(vhost.host)
    return tuple(
        CertificateLine(path, _options(version), part)
        for (path, version), hosts in sorted(names.items())
        for part in _parts(hosts)
    )


def _parts(hosts: set[str]) -> Iterable[tuple[str, ...]]:
    """At most about NAMES_PER_LINE in each: HAProxy reads 64 kB of a line. By hash, so that a host more changes one line."""
    if len(hosts) <= NAMES_PER_LINE:
        return (tuple(sorted(hosts)),)
    count = 1
    while count * NAMES_PER_LINE < len(hosts):
        count *= 2
    parts: dict[int, list[str]] = {}
    for host in sorted(hosts):
        parts.setdefault(int(digest("sni", host), 16) % count, []).append(host)
    return (tuple(parts[number]) for number in sorted(parts))


def _options(version: str) -> tuple[str, ...]:
    if version not in _VERSIONS:
        raise tokens.UnsafeValueError(f"{version!r} is no version of TLS that haloy offers")
    return () if version == _LOWEST else ("ssl-min-ver", _VERSIONS[version])


def list_text(lines: Iterable[CertificateLine]) -> bytes:
    """The file `certs/list.crt-list`."""
    text = ""
    for line in lines:
        options = f" [{' '.join(line.options)}]" if line.options else ""
        text += f"{tokens.file(line.path)}{options} {' '.join(line.filters)}\n"
    return text.encode()
