"""Host names as users write them, and the one form in which they are compared."""

import ipaddress
import re

import idna

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", re.ASCII)
_PORT = re.compile(r":[0-9]{1,5}\Z", re.ASCII)


def normalise_host(text: str, *, wildcard: bool = True) -> str:
    """The comparable form of a host: lower-case A-labels (RFC 5890), without port and trailing dot.

    `*` (every host) and `*.example.com` (one level) are hosts if `wildcard`. Idempotent.

    Raises:
        ValueError: not a host; the text says why, and what to write instead.
    """
    name = text
    if is_ip(name.strip("[]")):
        raise ValueError("is an IP address, not a host name; leave hosts empty to serve every host")
    name = _PORT.sub("", name)
    if is_ip(name.strip("[]")):
        raise ValueError("is an IP address, not a host name; leave hosts empty to serve every host")
    if name == "*" or name.startswith("*."):
        if not wildcard:
            raise ValueError("is a wildcard; write one exact host, for example shop.example.com")
        return "*" if name == "*" else "*." + _exact(name[2:])
    return _exact(name)


def normalise_address(text: str) -> str:
    """The comparable form of an endpoint's address: an IP (IPv6 compressed, without brackets) or a DNS name.

    Raises:
        ValueError: neither; the text says why.
    """
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if "%" in bare:
        raise ValueError("has a zone or an escape; write an IP address or a DNS name, for example 10.0.0.5")
    if is_ip(bare):
        return str(ipaddress.ip_address(bare))
    if ":" in bare or bare != text:
        raise ValueError("is not an IP address or DNS name; the port has a field of its own: port")
    return _exact(bare)


def normalise_authority(text: str) -> str:
    """The value of a Host header: a host in comparable form or an IP, and the port if there is one.

    Raises:
        ValueError: not a host.
    """
    port = _PORT.search(text) if not is_ip(text) else None
    bare = text[: port.start()] if port else text
    host = normalise_address(bare)
    return (f"[{host}]" if ":" in host else host) + (port.group() if port else "")


def is_ip(text: str) -> bool:
    """Whether `text` is an IPv4 or IPv6 address (without brackets)."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _exact(name: str) -> str:
    name = name.removesuffix(".")
    if not name:
        raise ValueError("is empty; write a host, for example shop.example.com")
    if "*" in name:
        raise ValueError("has a * that is not a whole first label; write *.example.com")
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True, std3_rules=True).decode("ascii").removesuffix(".")
        except (idna.IDNAError, UnicodeError) as error:
            raise ValueError(f"is not an internationalised host name: {str(error)[:100]}") from error
    name = name.lower()
    if len(name) > 253:
        raise ValueError("is longer than 253 characters (RFC 1035)")
    for label in name.split("."):
        _check_label(label)
    if name.rpartition(".")[2].isdigit():
        raise ValueError("ends in a number, which only an IP address does, and it is not one")
    return name


def _check_label(label: str) -> None:
    if len(label) > 63:
        raise ValueError(f"has a label longer than 63 characters (RFC 1035): {label[:20]}...")
    if not _LABEL.fullmatch(label):
        raise ValueError(
            "is not a host name: between the dots stand letters, digits and inner hyphens only, without scheme and "
            "path; for example shop.example.com"
        )
    if label.startswith("xn--"):
        try:
            idna.ulabel(label)
        except (idna.IDNAError, UnicodeError) as error:
            raise ValueError(f"has the label {label}, which is not valid Punycode: {error}") from error
