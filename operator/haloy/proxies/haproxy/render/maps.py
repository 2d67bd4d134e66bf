"""The maps of hosts and path keys, and the names of all maps. They are data and change at run time."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import assert_never

from haloy.model.flatten import PathEntry, unconditional
from haloy.model.refs import FieldRef
from haloy.model.routing import Candidate, HostKind, PathKind, Rule, VirtualHost
from haloy.proxies.haproxy import names
from haloy.proxies.haproxy.render import tokens
from haloy.proxies.haproxy.render.conditions import Chain, RuleKey, chain
from haloy.proxies.haproxy.render.filters.redirect import PublicPorts
from haloy.proxies.haproxy.slots.layout import Expression

SCHEMES = ("http", "https")

CHECK_PATHS = "maps/check-paths.map"
"""Slot -> path that its health check asks for."""
CHECK_HOSTS = "maps/check-hosts.map"
"""Slot -> Host that its health check says."""
CLUSTERS = "maps/clusters.map"
"""Cluster -> slot; and haloy's own sections, each under its own name."""
WEIGHTS = "maps/weights.map"
"""Weight sets, see weights.py."""
PROGRAMS = "maps/programs.map"
"""What the Lua action runs, see programs/. There only with Lua."""
KNOWN = "maps/known.map"
"""Shapes that the lines of the frontends cover, see direct.py. There only with Lua."""
SHAPES = "shapes"
"""No map of HAProxy's: by shape the Changes that it stands for."""
TIMEOUTS = "maps/timeouts.map"
"""Time-outs and retries of single rules, see rules.py."""
RULES = "maps/rules.map"
"""Rule -> record, see rules.py."""
HSTS = "maps/hsts.map"
"""Virtual host -> Strict-Transport-Security."""
PATHS = "maps/paths.map"
"""Path key -> rule or chain."""


def hosts_map(scheme: str) -> str:
    """Exact hosts of one scheme: host -> virtual host id, or where to redirect. `*`: the virtual host ANY."""
    return f"maps/hosts.{scheme}.map"


def wildcards_map(scheme: str) -> str:
    """One-label wildcards: `example.com` for `*.example.com`."""
    return f"maps/wildcards.{scheme}.map"


def suffixes_map(scheme: str) -> str:
    """Many-label wildcards: `example.com` for `*.example.com`, asked for by number of labels, longest first."""
    return f"maps/suffixes.{scheme}.map"


ENTRY_MAPS = (
    HSTS,
    PATHS,
    *(suffixes_map(scheme) for scheme in SCHEMES),
    *(wildcards_map(scheme) for scheme in SCHEMES),
    *(hosts_map(scheme) for scheme in SCHEMES),
)
"""Where requests come in: what goes there goes at once."""

_TARGETS = (CHECK_PATHS, CHECK_HOSTS, CLUSTERS, WEIGHTS, PROGRAMS, KNOWN, TIMEOUTS, RULES)

MAP_ORDER = (*_TARGETS, *ENTRY_MAPS)
"""Targets before the entries that point at them: make before break."""

TARGET_MAPS = frozenset(_TARGETS)
"""What entries of other maps lead to: an entry goes only when no request can be on its way to it."""

ANYWHERE = "*"
"""The key of the virtual host ANY among the exact hosts. A client that asks for the host `*` is answered by it, too."""

REDIRECT = ">"
"""What follows in a host's value is the location without path: `>https://shop.example.com:8443`."""
REDIRECT_HOST = "<"
"""To https on the host that the client asked for."""

OWN_RULES = {"redirect": names.REDIRECT, "redirect-host": names.REDIRECT_HOST}
"""Haloy's own rules and the sections that answer for them."""

_NEVER_IN_A_PATH = re.compile(r"[^!-~]|\?|#(?!\Z)")
"""HAProxy answers 400 to a path with one of these, so such a key could never be met (and might not be one word)."""


@dataclass(frozen=True, slots=True)
class HostEntries:
    """What some entries of a VirtualHost put into the maps. `variants`: every (variant, rule) that its path keys can lead to.

    `expressions`: those that its chains ask for, each with the first rule that does.
    """

    paths: Mapping[str, str]
    chains: tuple[Chain, ...]
    variants: Mapping[str, Rule]
    expressions: tuple[tuple[Expression, FieldRef], ...]


def host_entries(
    host: str, listed: Iterable[PathEntry], default: tuple[Candidate, ...], key: RuleKey, in_chains: RuleKey
) -> HostEntries:
    """What some entries of the virtual host with the id `host` become, and its `default` unless there is none or an entry stands for it.

    Path keys: a prefix is `<id><path>/`, an exact path `<id><path>/#`, and a request asks for `<id><path>/#`, longest first.
    `#` cannot occur in a request's path, so prefixes match by segments and exact paths win. `key`: what stands for a
    candidate's rule, `in_chains`: the same within chains."""
    chains: dict[str, Chain] = {}
    variants: dict[str, Rule] = {}
    paths: dict[str, str] = {}

    def add(path: str, candidates: tuple[Candidate, ...]) -> None:
        if _NEVER_IN_A_PATH.search(path):
            return
        for candidate in candidates:
            variants.setdefault(names.rule_variant(candidate.rule, candidate.match), candidate.rule)
        if unconditional(candidates[0]):
            paths[path] = key(candidates[0])
        else:
            made = chain(candidates, host, in_chains)
            chains.setdefault(made.id, made)
            paths[path] = made.id

    for entry in listed:
        match entry.kind:
            case PathKind.PREFIX:
                add(f"{host}{entry.path}/", entry.candidates)
            case PathKind.EXACT:
                add(f"{host}{entry.path}/#", entry.candidates)
            case PathKind.REGEX:
                raise AssertionError("flatten makes no entry of an expression")
            case _:
                assert_never(entry.kind)
    if default and f"{host}/" not in paths:
        add(f"{host}/", default)
    expressions: dict[Expression, FieldRef] = {}
    for made in chains.values():
        for one, source in made.expressions:
            expressions.setdefault(one, source)
    return HostEntries(paths, tuple(chains.values()), variants, tuple(expressions.items()))


def virtual_host_of(path_key: str) -> str:
    """The virtual host's id in a key of `PATHS`; empty for those of haloy's own rules."""
    return path_key.partition("/")[0] if "/" in path_key else ""


def host_value(vhost: VirtualHost, scheme: str, ports: PublicPorts) -> str:
    """What the host's name leads to: its path keys, or one redirect for https and canonical host together."""
    to_https = scheme == "http" and vhost.tls is not None and vhost.tls.redirect
    target = "https" if to_https else scheme
    if vhost.redirect_host is not None:
        return f"{REDIRECT}{target}://{vhost.redirect_host}{ports.suffix(target)}"
    if not to_https:
        return names.virtual_host_id(vhost)
    if vhost.kind is HostKind.EXACT:
        return f"{REDIRECT}https://{vhost.host}{ports.suffix('https')}"
    return REDIRECT_HOST


def host_maps(vhosts: Iterable[VirtualHost], ports: PublicPorts) -> dict[str, dict[str, str]]:
    """The maps of hosts, wildcards and suffixes for both schemes, and HSTS. Without many-label wildcards there is no map of
    suffixes: looking them up is compiled for the numbers of labels that occur."""
    listed = list(vhosts)
    maps: dict[str, dict[str, str]] = {}
    for scheme in SCHEMES:
        exact, one, many = (maps.setdefault(name(scheme), {}) for name in (hosts_map, wildcards_map, suffixes_map))
        for vhost in listed:
            value = host_value(vhost, scheme, ports)
            match vhost.kind:
                case HostKind.EXACT:
                    exact[vhost.host] = value
                case HostKind.ONE_LABEL:
                    one[vhost.host.removeprefix("*.")] = value
                case HostKind.MANY_LABELS:
                    many[vhost.host.removeprefix("*.")] = value
                case HostKind.ANY:
                    exact[ANYWHERE] = value
                case _:
                    assert_never(vhost.kind)
        if not many:
            del maps[suffixes_map(scheme)]
    maps[HSTS] = {
        names.virtual_host_id(vhost): vhost.tls.hsts.header_value for vhost in listed if vhost.tls and vhost.tls.hsts
    }
    return maps


def fixed_paths() -> dict[str, str]:
    """Hosts whose value is a redirect lead to haloy's own rules."""
    return {REDIRECT: "redirect", REDIRECT_HOST: "redirect-host"}


def fixed_clusters() -> dict[str, str]:
    """Haloy's own sections stand for themselves in `CLUSTERS`; a Cluster's name holds a `/`, so none is mistaken for one."""
    return {section: section for section in (*OWN_RULES.values(), names.MISSING)}


def map_text(entries: Mapping[str, str]) -> bytes:
    """The file. A key ends at the first blank, so keys hold none; a value is the rest of the line.

    Raises:
        UnsafeValueError: a key or value would not be read back as it is.
    """
    lines = []
    for key, value in entries.items():
        if not key or " " in key or key.startswith("#"):
            raise tokens.UnsafeValueError(f"{key!r} cannot be the key of a map")
        tokens.word(key)
        tokens.word(value)
        if value != value.strip():
            raise tokens.UnsafeValueError(f"{value!r} cannot be a value of a map")
        lines.append(f"{key} {value}\n")
    return "".join(lines).encode()
