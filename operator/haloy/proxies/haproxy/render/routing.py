"""Where requests go, as data: what the maps say, what must be compiled for it, and the frontends that ask."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files

from haloy.model.cluster import Cluster
from haloy.model.model import Model
from haloy.model.refs import FieldRef
from haloy.model.revised import Revised, differing, exchanged
from haloy.model.routing import HostKind, VirtualHost
from haloy.proxies.haproxy.artifacts import Section
from haloy.proxies.haproxy.names import listener_section
from haloy.proxies.haproxy.options import HaproxyOptions
from haloy.proxies.haproxy.render import maps
from haloy.proxies.haproxy.render.blocks import Block
from haloy.proxies.haproxy.render.builtin import LUA_FILES
from haloy.proxies.haproxy.render.conditions import chain_block
from haloy.proxies.haproxy.render.direct import most_used
from haloy.proxies.haproxy.render.expressions import expression_lines
from haloy.proxies.haproxy.render.filters import answers
from haloy.proxies.haproxy.render.filters.redirect import PublicPorts
from haloy.proxies.haproxy.render.frontends import DEFAULT_CERTIFICATE, Routing, frontend_text
from haloy.proxies.haproxy.render.host_parts import Affinities, Host, HostPart, Unit, host, unit
from haloy.proxies.haproxy.render.memo import RenderMemo
from haloy.proxies.haproxy.render.rules import Answer, RuleUse, answer, compiled_filters, rule_uses
from haloy.proxies.haproxy.render.sums import Sum
from haloy.proxies.haproxy.slots.layout import Change, Expression, Layout

_SUFFIXES = frozenset(map(maps.suffixes_map, maps.SCHEMES))


FEW_COOKIES = 8
"""Names of affinity cookies that are compiled whether or not they decide anything yet."""


@dataclass(frozen=True, slots=True)
class RoutingData:
    """`maps`: all but those about slots. `expressions`, `headers`, `cookies`, `changes`: what a Demand says of them. `shapes`: sets of Changes
    that rules ask for.

    Without Lua only: `compiled`, by Cluster the lines for its slot's section; `sections`, of rules that answer by
    themselves; `conditions`, lines of the frontends. `sources`: by expression's id a rule that asks for it. `files`: bodies and the
    program of the Lua action. `largest_answer`:
    bytes of the longest body that a rule answers with.
    """

    maps: Mapping[str, Mapping[str, str]]
    expressions: tuple[Expression, ...] = ()
    headers: tuple[str, ...] = ()
    cookies: tuple[str, ...] = ()
    shapes: Mapping[str, str] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    compiled: Mapping[str, tuple[Block, ...]] = field(default_factory=dict)
    sections: tuple[Section, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    conditions: tuple[Block, ...] = ()
    sources: Mapping[str, FieldRef] = field(default_factory=dict)
    largest_answer: int = 0


@dataclass(frozen=True, slots=True)
class _Hosts:
    """Every Host. `special`: those with parts that are not plain; `large`: those of several parts. `users`: by Cluster the others that
    have a rule that names it. `others`: as they were and as they are, those that are not the ones of the last cycle (None: there
    was none, or there is none any more)."""

    known: Revised[Unit, Host] = field(default_factory=Revised)
    special: Revised[Unit, Host] = field(default_factory=Revised)
    large: Revised[Unit, Host] = field(default_factory=Revised)
    users: Revised[str, frozenset[Unit]] = field(default_factory=Revised)
    others: Sequence[tuple[Host | None, Host | None]] = ()


@dataclass(frozen=True, slots=True)
class _Affinities:
    """`of` the Clusters that they were taken from."""

    of: Sequence[Cluster]
    known: Revised[str, str | None]


@dataclass(frozen=True, slots=True)
class _Followed:
    """What is known from the last cycle."""

    virtual_hosts: tuple[VirtualHost, ...]
    affinities: Affinities
    hosts: _Hosts
    sums: Mapping[str, Sum]
    ports: PublicPorts
    lua: bool
    data: RoutingData


def routing_data(model: Model, ports: PublicPorts, options: HaproxyOptions, memo: RenderMemo) -> RoutingData:
    """All routing of the Model. Maps that say the same as in the last cycle are the same objects.

    Raises:
        UnsafeValueError: a value that validation should have refused cannot be written safely.
    """
    affinities = memo.follow("affinities", partial(_affinities, model.clusters)).known
    vhosts = model.virtual_hosts

    def make(last: _Followed | None) -> _Followed:
        known = last if last is not None and (last.ports, last.lua) == (ports, options.lua) else None
        if known is not None and vhosts is known.virtual_hosts and affinities == known.affinities:
            return known
        hosts = _hosts(vhosts, affinities, ports, known, lua=options.lua)
        sums = _sums(hosts, known, lua=options.lua)
        before = last.sums if last is not None else {}
        sums = {name: one.over(before.get(name)) if known is None else one for name, one in sums.items()}
        data = _data(hosts, sums, affinities, ports, memo, lua=options.lua)
        return _Followed(vhosts, affinities, hosts, sums, ports, options.lua, data)

    return memo.follow("routing", make).data


def frontend_sections(model: Model, options: HaproxyOptions, layout: Layout, data: RoutingData) -> tuple[Section, ...]:
    """One section for each Listener."""
    many = {vhost.host.count(".") for vhost in model.virtual_hosts if vhost.kind is HostKind.MANY_LABELS}
    routing = Routing(
        lua=options.lua,
        conditions=data.conditions,
        expressions=expression_lines(layout.expressions, data.sources),
        headers=layout.headers,
        cookies=layout.cookies,
        changes=layout.changes,
        suffixes=tuple(sorted(many, reverse=True)),
    )
    return tuple(
        Section(listener_section(listener.name), frontend_text(listener, model.fleet, routing, options), dynamic=False)
        for listener in model.fleet.listeners
    )


def default_certificate(model: Model) -> dict[str, str]:
    """The PEM file that answers to unknown names, if the virtual host ANY brings a certificate. Where it does not, haloy's
    own fallback stands in that file: the driver has it."""
    held = {item.name: item.digest for item in model.certificates}
    for vhost in model.virtual_hosts:
        if vhost.kind is HostKind.ANY and vhost.tls is not None and vhost.tls.certificate in held:
            return {DEFAULT_CERTIFICATE: held[vhost.tls.certificate or ""]}
    return {}


def _affinities(clusters: Sequence[Cluster], last: _Affinities | None) -> _Affinities:
    last = _Affinities((), Revised()) if last is None else last
    gone, come = exchanged(last.of, clusters)
    there = {one.name: None if one.affinity is None else one.affinity.name for one in come}
    return _Affinities(clusters, last.known.revised(there, [one.name for one in gone if one.name not in there]))


def _hosts(
    vhosts: tuple[VirtualHost, ...], affinities: Affinities, ports: PublicPorts, last: _Followed | None, *, lua: bool
) -> _Hosts:
    """Those of `last` but for virtual hosts that are others now, and those with rules that name a Cluster of which something else
    is known now."""
    before, known = ((), _Hosts()) if last is None else (last.virtual_hosts, last.hosts)
    others: Set[str] = frozenset() if last is None else differing(last.affinities, affinities)
    gone, come = exchanged(before, vhosts)
    wanted = {unit(vhost): vhost for vhost in come}
    lost = [name for name in map(unit, gone) if name not in wanted]
    if others:
        naming = {name for cluster in others for name in known.users.get(cluster, ())}
        naming |= {name for name, one in known.large.items() if one.names_any(others)}
        wanted |= {name: known.known[name].vhost for name in naming - wanted.keys() - set(lost)}
    made = {
        name: host(vhost, affinities, ports, known.known.get(name), lua=lua, others=others)
        for name, vhost in wanted.items()
    }
    changed = [(known.known.get(name), made.get(name)) for name in (*made, *lost)]
    special = {name: one for name, one in made.items() if one.special}
    large = {name: one for name, one in made.items() if len(one.parts) > 1}
    return _Hosts(
        known.known.revised(made, lost),
        known.special.revised(special, [*lost, *(made.keys() - special.keys())]),
        known.large.revised(large, [*lost, *(made.keys() - large.keys())]),
        _users(known.users, changed),
        changed,
    )


def _users(
    users: Revised[str, frozenset[Unit]], others: Iterable[tuple[Host | None, Host | None]]
) -> Revised[str, frozenset[Unit]]:
    held: dict[str, set[Unit]] = {}
    for pair in others:
        for one, there in zip(pair, (False, True), strict=True):
            if one is None or len(one.parts) > 1:
                continue
            for cluster in one.parts[0].affinities:
                some = held.setdefault(cluster, set(users.get(cluster, ())))
                (some.add if there else some.discard)(unit(one.vhost))
    left = {cluster: frozenset(some) for cluster, some in held.items() if some}
    return users.revised(left, held.keys() - left.keys())


def _in_order(hosts: Mapping[Unit, Host]) -> list[Host]:
    """Whatever came when, the first is always the same one."""
    return sorted(hosts.values(), key=lambda one: (one.vhost.host, one.vhost.kind.value))


def _sums(hosts: _Hosts, last: _Followed | None, *, lua: bool) -> dict[str, Sum]:
    """What all hosts put into the maps together. There are always the same maps, but for those of suffixes."""
    if last is not None and (found := _changed_sums(hosts, last)) is not None:
        return found
    fixed = {
        **maps.host_maps((), PublicPorts()),
        maps.WEIGHTS: {},
        maps.TIMEOUTS: {},
        **({maps.PROGRAMS: {}, maps.SHAPES: {}} if lua else {}),
        maps.PATHS: maps.fixed_paths(),
        maps.RULES: maps.OWN_RULES,
    }
    parts: dict[str, list[Mapping[str, str]]] = {name: [entries] for name, entries in fixed.items()}
    for one in _in_order(hosts.known):
        for _, piece in one.all_maps():
            for name, entries in piece.items():
                if entries:
                    parts.setdefault(name, []).append(entries)
    return {name: Sum.of(listed) for name, listed in parts.items()}


def _changed_sums(hosts: _Hosts, last: _Followed) -> dict[str, Sum] | None:
    """None: they must be added up again."""
    old = {id(piece): found for one, _ in hosts.others if one is not None for piece, found in one.all_maps()}
    new = {id(piece): found for _, one in hosts.others if one is not None for piece, found in one.all_maps()}
    less = [found for key, found in old.items() if key not in new]
    more = [found for key, found in new.items() if key not in old]
    sums: dict[str, Sum] = {}
    for name, before in last.sums.items():
        taken, given = ([piece[name] for piece in pieces if piece.get(name)] for pieces in (less, more))
        made = before.replaced(taken, given) if taken or given else before
        if made is None or (name in _SUFFIXES and not made.entries):
            return None
        sums[name] = made
    return None if any(name not in sums for piece in more for name, entries in piece.items() if entries) else sums


def _data(
    hosts: _Hosts,
    sums: Mapping[str, Sum],
    affinities: Affinities,
    ports: PublicPorts,
    memo: RenderMemo,
    *,
    lua: bool,
) -> RoutingData:
    special = [part for one in _in_order(hosts.special) for part in one.special]
    found = {name: one.entries for name, one in sums.items() if name != maps.SHAPES}
    headers = tuple(sorted({name for part in special for name in part.headers}))
    cookies = _cookies({cookie for part in special for cookie in part.cookies}, affinities)
    largest = max((part.largest_answer for part in special), default=0)
    if lua:
        asked = [pair for part in special for pair in part.entries.expressions]
        expressions = {(one.id, one.virtual_host): one for one, _ in asked}
        return RoutingData(
            maps=found,
            expressions=tuple(expressions[key] for key in sorted(expressions)),
            sources={one.id: source for one, source in reversed(asked)},
            headers=headers,
            cookies=cookies,
            shapes=(shapes := sums[maps.SHAPES]).entries,
            changes=memo.get("changes", "", (shapes,), lambda: most_used(shapes.entries, shapes.more)),
            files={f"files/{name}": files(__package__).joinpath("lua", name).read_bytes() for name in LUA_FILES},
            largest_answer=largest,
        )
    listed = [part for one in _in_order(hosts.known) for part in one.parts]
    uses = rule_uses(part.entries.variants for part in listed)
    answering = [_answer(use, variant, ports, memo) for use in uses if answers(use[0]) for variant in use[1]]
    return RoutingData(
        maps=found,
        cookies=cookies,
        compiled=compiled_filters(uses, ports),
        sections=tuple(item.section for item in answering),
        files={name: body for item in answering for name, body in item.files},
        conditions=tuple(_conditions(listed)),
        largest_answer=largest,
    )


def _cookies(deciding: Set[str], affinities: Affinities) -> tuple[str, ...]:
    """Affinity cookies to compile: those that decide between several backendRefs, and as long as they are few those of all
    Clusters, so that one more rule with several backendRefs is no reload. Each costs every request a condition or two."""
    known = {cookie for cookie in affinities.values() if cookie is not None}
    return tuple(sorted(known if len(known) <= FEW_COOKIES else deciding))


def _answer(use: RuleUse, variant: str, ports: PublicPorts, memo: RenderMemo) -> Answer:
    inputs = (use[0], ports.http, ports.https)
    return memo.get("answer", variant, inputs, partial(answer, use[0], variant, ports))


def _conditions(parts: Iterable[HostPart]) -> Iterable[Block]:
    """Every chain once, each ACL where it is first needed."""
    chains = {chain.id: chain for part in parts for chain in part.entries.chains}
    known: set[str] = set()
    for name in sorted(chains):
        for step in chains[name].steps:
            yield chain_block(chains[name], step, known)
