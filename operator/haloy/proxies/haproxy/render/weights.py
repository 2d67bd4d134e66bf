"""Where a rule's traffic goes: one Cluster, or a weight set that the frontends draw from.

A weight set is named after its content, so a change of weights is a new set and then one flip in maps/rules.map: no
request ever sees half a set. `%ID` gives the total, `%ID.N` the Cluster for the draw N, `%ID@C` the Cluster for requests
whose affinity cookie names it (only while its weight is above 0).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from math import gcd

from haloy.model.routing import Rule
from haloy.proxies.haproxy.names import MISSING, cluster_cookie_id, digest

LARGEST_TOTAL = 1000
"""Entries of one weight set. Beyond it shares are rounded to a thousandth, and none above 0 becomes 0."""


@dataclass(frozen=True, slots=True)
class Destination:
    """`value`: a Cluster, haloy's own section that answers 500, or a weight set, whose `entries` stand in maps/weights.map.

    `cookies`: the affinity cookies that may decide between the Clusters of a rule that names several, whatever the weights
    are now, so that a change of weights never changes the configuration itself.
    """

    value: str
    entries: tuple[tuple[str, str], ...] = ()
    cookies: tuple[str, ...] = ()


def destination(rule: Rule, affinities: Mapping[str, str | None]) -> Destination:
    """What the rule's targets mean. No target, no weight and a Cluster that does not exist answer 500.

    `affinities`: every Cluster there is, with the name of its affinity cookie.
    """
    weights: dict[str, int] = {}
    for target in rule.targets:
        name = target.cluster if target.cluster is not None and target.cluster in affinities else MISSING
        weights[name] = weights.get(name, 0) + target.weight
    several = len(weights) > 1
    bound = {name: cookie for name in weights if (cookie := affinities.get(name)) is not None}
    cookies = tuple(sorted(set(bound.values()))) if several else ()
    weights = {name: weight for name, weight in weights.items() if weight > 0}
    if len(weights) <= 1:
        return Destination(next(iter(weights), MISSING), (), cookies)
    counts = shares(list(weights.values()))
    draws = [name for name, count in zip(weights, counts, strict=True) for _ in range(count)]
    pins = [(cluster_cookie_id(name), name) for name in sorted(bound) if weights.get(name)]
    value = "%" + digest("weights", *draws, "@", *(part for pin in pins for part in pin), size=8)
    entries = [(value, str(len(draws)))]
    entries += [(f"{value}.{number}", name) for number, name in enumerate(draws)]
    entries += [(f"{value}@{pin}", name) for pin, name in pins]
    return Destination(value, tuple(entries), cookies)


def weight_set(key: str) -> str:
    """The weight set that a key of maps/weights.map belongs to."""
    return re.split("[.@]", key, maxsplit=1)[0]


def shares(weights: list[int]) -> list[int]:
    """How many draws each weight (all above 0) gets: exact while the reduced sum is at most LARGEST_TOTAL."""
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
