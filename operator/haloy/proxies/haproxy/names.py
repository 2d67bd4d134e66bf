"""Every name that HAProxy sees, and the way back. Nothing else may assume what such a name looks like.

All are built from DNS-1123 names, addresses and digests; tokens.py checks each again when it is printed.
"""

import re
from hashlib import blake2s

from haloy.model.cluster import Endpoint
from haloy.model.filters import PathModifierKind, RequestRedirect, UrlRewrite
from haloy.model.routing import HostKind, Match, PathKind, Rule, VirtualHost

NOT_FOUND = "haloy.notfound"
MISSING = "haloy.missing"
REDIRECT = "haloy.redirect"
REDIRECT_HOST = "haloy.redirect-host"
ROUTES = "haloy.routes"
"""The table of counters by route (`namespace/name`)."""

_CONTENT = 12
"""Hex digits of a content's digest in a file's name."""
_PEM = re.compile(r"certs/([a-z0-9-]+)_([a-z0-9.-]+)\.pem|ca/([a-z0-9-]+)_([a-z0-9.-]+)\.(?:[0-9a-f]{12}|missing)\.pem")
_RULE = "rule."
_LISTENER = "listener."


def rule_section(variant: str) -> str:
    """The section of a rule that answers by itself. `variant` as from `rule_variant`."""
    return _RULE + variant.replace("/", ".", 1).replace("~", "_")


def listener_section(listener: str) -> str:
    """`listener.http` for the Listener `http`."""
    return _LISTENER + listener


def listener_of(section: str) -> str | None:
    """The Listener that a section stands for, None for every other section."""
    return section.removeprefix(_LISTENER) if section.startswith(_LISTENER) else None


def rule_variant(rule: Rule, match: Match) -> str:
    """The identifier that a path entry leads to: the rule's id, or `id~N` when a filter replaces the matched prefix.

    N is the length in bytes of what the match consumed, so that one rule with several prefixes rewrites each rightly.
    """
    if not replaces_prefix(rule):
        return rule.id
    return f"{rule.id}~{len(match.path.value.encode()) if match.path.kind is not PathKind.REGEX else 0}"


def replaces_prefix(rule: Rule) -> bool:
    """Whether a filter of the rule needs to know how much of the path the match consumed."""
    modifiers = (item.path for item in rule.filters if isinstance(item, UrlRewrite | RequestRedirect))
    return any(modifier is not None and modifier.kind is PathModifierKind.PREFIX for modifier in modifiers)


def virtual_host_id(vhost: VirtualHost) -> str:
    """The first part of the host's keys in the path map. It holds no `/`, so no host's keys run into another's."""
    return f"*{vhost.host}" if vhost.kind is HostKind.MANY_LABELS else vhost.host


def server_name(endpoint: Endpoint) -> str:
    """`10.0.0.5:8080` or `2001:db8::1:8080`: brackets are not allowed in a server's name."""
    return f"{endpoint.address}:{endpoint.port}"


def endpoint_of(server: str) -> str:
    """The Endpoint's key for a server's name."""
    address, _, port = server.rpartition(":")
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def certificate_file(certificate: str) -> str:
    """The PEM file of the Certificate `namespace/secret-name`."""
    return f"certs/{certificate.replace('/', '_', 1)}.pem"


def bundle_file(bundle: str, content: str) -> str:
    """The file of the Bundle `namespace/secret-name` with the content of that digest.

    The servers name it, and HAProxy 2.8 does not tell those without a certificate of their own of a new content: so a new
    content is a new file, for new servers.
    """
    return f"ca/{bundle.replace('/', '_', 1)}.{content[:_CONTENT] or 'missing'}.pem"


def secret_of(path: str) -> tuple[str, str] | None:
    """Namespace and name of the Secret that a PEM file was made from; None if it is no such file."""
    match = _PEM.fullmatch(path)
    return None if match is None else (match[1] or match[3], match[2] or match[4])


def digest(*parts: str, size: int = 6) -> str:
    """A short stable name for anything: `size` bytes in hex. Part boundaries count."""
    state = blake2s(digest_size=size)
    for part in parts:
        data = part.encode()
        state.update(len(data).to_bytes(4, "big"))
        state.update(data)
    return state.hexdigest()


def cluster_cookie_id(cluster: str) -> str:
    """The first half of an affinity cookie's value."""
    return digest("cluster", cluster, size=4)


def cookie_value(cluster: str, server: str) -> str:
    """What an affinity cookie says: which Cluster, and which of its servers. Neither can be read from it."""
    return f"{cluster_cookie_id(cluster)}.{digest('server', server, size=4)}"


def agent_token(cluster: str, endpoint: str) -> str:
    """What HAProxy sends to haloy's own checker to ask about one endpoint: always `AGENT_TOKEN_LENGTH` hex digits, no newline."""
    return digest("agent", cluster, endpoint, size=AGENT_TOKEN_LENGTH // 2)


AGENT_TOKEN_LENGTH = 32
