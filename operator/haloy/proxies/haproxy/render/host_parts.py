"""What one virtual host puts into the maps, with all that its rules refer to. What did not change of it is not made again: a host
with ten thousand paths is cut into parts."""

from bisect import insort
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from operator import is_
from zlib import crc32

from haloy.model.filters import DirectResponse
from haloy.model.flatten import Flattened, PathEntry, flatten, path_place
from haloy.model.revised import exchanged
from haloy.model.routing import Candidate, HostKind, VirtualHost
from haloy.proxies.haproxy.names import rule_variant, virtual_host_id
from haloy.proxies.haproxy.render import maps, tokens
from haloy.proxies.haproxy.render.filters.redirect import PublicPorts
from haloy.proxies.haproxy.render.programs.filters import changed_headers
from haloy.proxies.haproxy.render.programs.select import select_program
from haloy.proxies.haproxy.render.programs.words import entries
from haloy.proxies.haproxy.render.rules import Record, record, record_key

Affinities = Mapping[str, str | None]
"""Every Cluster there is, with the name of its affinity cookie."""

Unit = tuple[HostKind, str]
"""Kind and name of a virtual host."""

_UNKNOWN = ""
"""Stands for a Cluster that does not exist; no cookie has this name."""


_LEAST, _EACH = 128, 64
"""Up to so many path entries a host is one part; a larger one is cut into parts of about so many."""


@dataclass(frozen=True, slots=True)
class HostPart:
    """Some path entries of a host. `maps`: entries by map. `affinities`: what was known of the Clusters that its rules name
    (`_UNKNOWN`: they do not exist).

    `headers`, `cookies`: what its rules want compiled. `largest_answer`: bytes of the longest body that a rule answers with.
    """

    listed: tuple[PathEntry, ...]
    default: tuple[Candidate, ...]
    entries: maps.HostEntries
    maps: Mapping[str, Mapping[str, str]]
    affinities: Mapping[str, str | None]
    headers: tuple[str, ...] = ()
    cookies: frozenset[str] = field(default_factory=frozenset)
    largest_answer: int = 0

    @property
    def plain(self) -> bool:
        """Whether all that is to be said of it is in its maps."""
        return not (self.headers or self.cookies or self.largest_answer or self.entries.expressions)

    def is_of(self, listed: Sequence[PathEntry], default: tuple[Candidate, ...]) -> bool:
        """Whether it was made of these entries."""
        same = listed is self.listed or (len(listed) == len(self.listed) and all(map(is_, listed, self.listed)))
        return same and default == self.default

    def still_fits(self, affinities: Affinities, others: Set[str]) -> bool:
        """Whether the same is known of the Clusters that its rules name. `others`: of no other Cluster it may be something else."""
        return all(affinities.get(name, _UNKNOWN) == self.affinities[name] for name in self.affinities.keys() & others)


@dataclass(frozen=True, slots=True)
class Host:
    """A whole virtual host. `own`: what its name leads to, by map. `special`: the parts that are not plain."""

    vhost: VirtualHost
    flat: Flattened
    own: Mapping[str, Mapping[str, str]]
    parts: tuple[HostPart, ...]
    special: tuple[HostPart, ...]

    def names_any(self, clusters: Set[str]) -> bool:
        """Whether a rule names one of these Clusters."""
        return not all(part.affinities.keys().isdisjoint(clusters) for part in self.parts)

    def all_maps(self) -> Iterator[tuple[object, Mapping[str, Mapping[str, str]]]]:
        """What it puts into the maps, piece by piece; a piece that is the same object says the same."""
        yield self.own, self.own
        yield from ((part, part.maps) for part in self.parts)


def host(
    vhost: VirtualHost,
    affinities: Affinities,
    ports: PublicPorts,
    last: Host | None,
    *,
    lua: bool,
    others: Set[str] = frozenset(),
) -> Host:
    """The parts of `vhost`; those of `last`, the host as it was, where they would come out the same. `others`: the Clusters whose
    affinities are not the ones of then.

    Raises:
        UnsafeValueError: a value that validation should have refused cannot be written safely.
    """
    tokens.host(vhost.host)
    tokens.host(vhost.redirect_host or vhost.host)
    flat = flatten(vhost, (last.vhost, last.flat) if last is not None else None)
    name = virtual_host_id(vhost)
    count = _count(flat.entries)
    known: Sequence[HostPart | None] = (None,) * count
    cut: Mapping[int, Sequence[PathEntry]]
    if last is not None and len(last.parts) == count:
        known, cut = last.parts, _cut_anew(last, flat.entries)
    else:
        cut = dict(enumerate(_cut(flat.entries, count)))
    parts: list[HostPart] = []
    for index, part in enumerate(known):
        default = flat.default if index == 0 else ()
        listed = cut[index] if part is None else cut.get(index, part.listed)
        if part is None or not part.is_of(listed, default) or not part.still_fits(affinities, others):
            part = _part(name, tuple(listed), default, affinities, ports, lua=lua)
        parts.append(part)
    own = maps.host_maps((vhost,), ports)
    return Host(
        vhost,
        flat,
        last.own if last is not None and last.own == own else own,
        tuple(parts),
        tuple(part for part in parts if not part.plain),
    )


def _count(entries: Sequence[PathEntry]) -> int:
    """How many parts they make: a power of two."""
    return 1 if len(entries) <= _LEAST else 1 << (len(entries) // _EACH).bit_length()


def _index(entry: PathEntry, count: int) -> int:
    """By its path, so that one that comes or goes leaves the others where they are. What holds for `/` is in the first."""
    return crc32(entry.path.encode()) & (count - 1)


def _cut(entries: Sequence[PathEntry], count: int) -> Sequence[Sequence[PathEntry]]:
    if count == 1:
        return (entries,)
    cut: list[list[PathEntry]] = [[] for _ in range(count)]
    for entry in entries:
        cut[_index(entry, count)].append(entry)
    return cut


def _cut_anew(last: Host, entries: Sequence[PathEntry]) -> dict[int, Sequence[PathEntry]]:
    """The parts of `last` where `entries` are others, as many as it has. They keep the order of paths."""
    count = len(last.parts)
    if count == 1:
        return {0: entries}
    gone, come = exchanged(last.flat.entries, entries)
    went = set(map(id, gone))
    cut = {
        index: [one for one in last.parts[index].listed if id(one) not in went]
        for index in {_index(one, count) for one in (*gone, *come)}
    }
    for one in come:
        insort(cut[_index(one, count)], one, key=path_place)
    return {**cut}


def _part(
    name: str,
    listed: tuple[PathEntry, ...],
    default: tuple[Candidate, ...],
    affinities: Affinities,
    ports: PublicPorts,
    *,
    lua: bool,
) -> HostPart:
    records: dict[str, Record] = {}

    def variant(candidate: Candidate) -> str:
        found = rule_variant(candidate.rule, candidate.match)
        if found not in records:
            records[found] = record(candidate.rule, found, affinities, ports, lua=lua)
        return found

    def key(candidate: Candidate) -> str:
        return record_key(found := variant(candidate), records[found])

    found = maps.host_entries(name, listed, default, key, key if lua else variant)
    rules: dict[str, str] = {}
    weights: dict[str, str] = {}
    programs: dict[str, str] = {}
    timeouts: dict[str, str] = {}
    shapes: dict[str, str] = {}
    cookies: set[str] = set()
    for called, one in records.items():
        rules[record_key(called, one)] = one.value
        if not lua:
            rules[called] = one.value
        weights.update(one.destination.entries)
        programs.update(one.programs)
        timeouts.update(one.timeouts)
        shapes.update(one.shapes)
        cookies.update(one.destination.cookies)
    if lua:
        for chain in found.chains:
            programs.update(entries(chain.id, select_program(chain)))
    own = found.variants.values()
    named = {target.cluster for rule in own for target in rule.targets if target.cluster is not None}
    bodies = (len(item.body.encode()) for rule in own for item in rule.filters if isinstance(item, DirectResponse))
    return HostPart(
        listed,
        default,
        found,
        {
            maps.WEIGHTS: weights,
            maps.PROGRAMS: programs,
            maps.TIMEOUTS: timeouts,
            maps.SHAPES: shapes,
            maps.RULES: rules,
            maps.PATHS: found.paths,
        },
        {name: affinities.get(name, _UNKNOWN) for name in named},
        changed_headers(own) if lua else (),
        frozenset(cookies),
        max(bodies, default=0),
    )


def unit(vhost: VirtualHost) -> Unit:
    """What tells virtual hosts apart."""
    return vhost.kind, vhost.host
