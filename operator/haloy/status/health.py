"""Endpoint health merged over the proxies, and counted per cluster."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from haloy.model.cluster import Cluster
from haloy.model.health import EndpointHealth, EndpointKey, Health, Observation
from haloy.model.revised import Revised, exchanged


@dataclass(frozen=True, slots=True)
class Count:
    total: int = 0
    healthy: int = 0
    unhealthy: int = 0
    unknown: int = 0

    @classmethod
    def sum(cls, counts: Iterable[Self]) -> Self:
        listed = list(counts)
        return cls(
            sum(count.total for count in listed),
            sum(count.healthy for count in listed),
            sum(count.unhealthy for count in listed),
            sum(count.unknown for count in listed),
        )


@dataclass(frozen=True, slots=True)
class MergedHealth:
    """`seen_by`: of how many proxies' fresh observations how many have the endpoint, `2/2`."""

    health: EndpointHealth
    seen_by: str


def merge(key: EndpointKey, observations: Sequence[Observation]) -> MergedHealth | None:
    """Healthy if up on every fresh observation, Unhealthy if down on all, Degraded when they differ; None: nobody has it.

    The reason and the time are those of the worst; of equals, the one that lasts longest.
    """
    seen = [observation.endpoints[key] for observation in observations if key in observation.endpoints]
    if not seen:
        return None
    order = (Health.UNHEALTHY, Health.DEGRADED, Health.UNKNOWN, Health.HEALTHY)
    worst = min(seen, key=lambda item: (order.index(item.health), item.since))
    states = {item.health for item in seen}
    together = worst.health if len(states) == 1 else Health.DEGRADED
    return MergedHealth(EndpointHealth(together, worst.reason, worst.since), f"{len(seen)}/{len(observations)}")


class HealthView:
    """The merged health of the endpoints of `clusters`; a cluster's is merged when it is first asked for.

    `before`: another view, of clusters most of which are the same: it saves work and changes nothing.
    """

    def __init__(
        self, clusters: Sequence[Cluster], observations: Sequence[Observation], before: "HealthView | None" = None
    ) -> None:
        self._of = clusters
        known: Revised[str, Cluster] = Revised() if before is None else before.clusters
        gone, come = exchanged(() if before is None else before._of, clusters)
        there = {cluster.name: cluster for cluster in come}
        self.clusters: Revised[str, Cluster] = known.revised(
            there, [cluster.name for cluster in gone if cluster.name not in there]
        )
        self._observations = observations
        self._merged: dict[str, Mapping[str, MergedHealth | None]] = {}

    def is_of(self, clusters: Sequence[Cluster], observations: Sequence[Observation]) -> bool:
        """Whether it was made of these very objects."""
        return clusters is self._of and observations is self._observations

    def endpoints(self, cluster: str) -> Mapping[str, MergedHealth | None]:
        """By the Endpoint's key; None: no proxy reports it."""
        if cluster not in self.clusters:
            return {}
        if cluster not in self._merged:
            self._merged[cluster] = {
                endpoint.key: merge(EndpointKey(cluster, endpoint.key), self._observations)
                for endpoint in self.clusters[cluster].endpoints
            }
        return self._merged[cluster]

    def count(self, cluster: str) -> Count:
        states = [merged.health.health if merged else Health.UNKNOWN for merged in self.endpoints(cluster).values()]
        return Count(
            len(states),
            states.count(Health.HEALTHY) + states.count(Health.DEGRADED),
            states.count(Health.UNHEALTHY),
            states.count(Health.UNKNOWN),
        )

    def unproven(self, cluster: str) -> bool:
        """Whether the cluster's endpoints stay out of rotation until they have passed, and none has yet."""
        found = self.clusters.get(cluster)
        check = found.health_check if found is not None else None
        return check is not None and check.start_unhealthy and self.count(cluster).healthy == 0

    def not_healthy(self, clusters: Iterable[str]) -> list[str]:
        """`10.0.0.5:8080 (L7STS/503)` of every endpoint that is not Healthy, sorted."""
        return sorted(
            f"{key} ({merged.health.reason})" if merged else f"{key} (no result)"
            for cluster in clusters
            for key, merged in self.endpoints(cluster).items()
            if merged is None or merged.health.health is not Health.HEALTHY
        )
