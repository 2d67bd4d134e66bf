"""Where a rule's traffic goes: one section, or a weight set that the frontends draw from.

A weight set is named after its content, so a change of weights is a new set and then one flip in maps/rules.map: no
request ever sees half a set. `%ID` gives the total, `%ID.N` the section for the draw N, `%ID@C` the section for requests
whose affinity cookie names cluster C (only while its weight is above 0).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from math import gcd

from haloy.model.cluster import Cluster
from haloy.model.routing import Rule
from haloy.proxies.haproxy.names import MISSING, cluster_cookie_id, cluster_section, digest

LARGEST_TOTAL = 1000
"""Entries of one weight set. Beyond it shares are rounded to a thousandth, and none above 0 becomes 0."""


@dataclass(frozen=True, slots=True)
class Destination:
    """`value` stands in maps/rules.map, `entries` in maps/weights.map.

    `cookies`: the affinity cookies that may decide between the sections of a rule that names several, whatever the weights
    are now, so that a change of weights never changes the configuration itself.
    """

    value: str
    entries: tuple[tuple[str, str], ...] = ()
    cookies: tuple[str, ...] = ()


def destination(rule: Rule, clusters: Mapping[str, Cluster]) -> Destination:
    """What the rule's targets mean. No target, no weight and a cluster that does not exist answer 500."""
    weights: dict[str, int] = {}
    for target in rule.targets:
        known = target.cluster is not None and target.cluster in clusters
        section = cluster_section(target.cluster) if known and target.cluster is not None else MISSING
        weights[section] = weights.get(section, 0) + target.weight
    several = len(weights) > 1
    affinities = {
        cluster.name: cluster.affinity.name
        for target in rule.targets
        if (cluster := clusters.get(target.cluster or "")) is not None and cluster.affinity
    }
    cookies = tuple(sorted(set(affinities.values()))) if several else ()
    weights = {section: weight for section, weight in weights.items() if weight > 0}
    if len(weights) <= 1:
        return Destination(next(iter(weights), MISSING), (), cookies)
    counts = shares(list(weights.values()))
    slots = [section for section, count in zip(weights, counts, strict=True) for _ in range(count)]
    sticky = sorted(cluster for cluster in affinities if weights.get(cluster_section(cluster)))
    pins = [(cluster_cookie_id(cluster), cluster_section(cluster)) for cluster in sticky]
    name = "%" + digest("weights", rule.id, *slots, "@", *(part for pin in pins for part in pin), size=8)
    entries = [(name, str(len(slots)))]
    entries += [(f"{name}.{number}", section) for number, section in enumerate(slots)]
    entries += [(f"{name}@{pin}", section) for pin, section in pins]
    return Destination(name, tuple(entries), cookies)


def shares(weights: list[int]) -> list[int]:
    """How many slots each weight (all above 0) gets: exact while the reduced sum is at most LARGEST_TOTAL."""
    divisor = reduce(gcd, weights)
    reduced = [weight // divisor for weight in weights]
    total = sum(reduced)
    if total <= LARGEST_TOTAL:
        return reduced
    ideal = [weight * LARGEST_TOTAL / total for weight in reduced]
    counts = [max(1, int(share)) for share in ideal]
    rest = LARGEST_TOTAL - sum(counts)
    by_remainder = sorted(range(len(counts)), key=lambda index: (counts[index] - ideal[index], index))
    for index in by_remainder[: max(rest, 0)]:
        counts[index] += 1
    while rest < 0:
        largest = max(range(len(counts)), key=lambda index: counts[index])
        counts[largest] -= 1
        rest += 1
    return counts
