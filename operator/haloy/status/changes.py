"""Whose status may differ after a change: a status costs as much as its object, whatever else there is."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from haloy.api.conditions import Report
from haloy.api.snapshot import Rejection
from haloy.model.cluster import Cluster
from haloy.model.health import Observation
from haloy.model.model import Model
from haloy.model.refs import ObjectRef
from haloy.status.desired import Programming

Key = TypeVar("Key", bound=Hashable)


class Users:
    """Which objects a cluster or certificate concerns, by the Reports of one cycle."""

    def __init__(self, reports: Mapping[ObjectRef, Report]) -> None:
        self._clusters: dict[str, list[ObjectRef]] = {}
        self._certificates: dict[str, list[ObjectRef]] = {}
        for ref, report in reports.items():
            for name in report.clusters:
                self._clusters.setdefault(name, []).append(ref)
            for name in report.certificates:
                self._certificates.setdefault(name, []).append(ref)

    def of_clusters(self, names: Iterable[str]) -> set[ObjectRef]:
        return {ref for name in names for ref in self._clusters.get(name, ())}

    def of_certificates(self, names: Iterable[str]) -> set[ObjectRef]:
        return {ref for name in names for ref in self._certificates.get(name, ())}


def by_reports(old: Mapping[ObjectRef, Report], new: Mapping[ObjectRef, Report]) -> set[ObjectRef]:
    return set(_differing(old, new))


def by_rejections(old: Iterable[Rejection], new: Iterable[Rejection]) -> set[ObjectRef]:
    before, after = ({one.ref: one for one in group if one.ref is not None} for group in (old, new))
    return set(_differing(before, after))


def by_model(old: Model, new: Model, users: Users) -> set[ObjectRef]:
    """The users of clusters and certificates that are others now, and the HealthPolicies of those clusters."""
    before, after = ({cluster.name: cluster for cluster in model.clusters} for model in (old, new))
    clusters = list(_differing(before, after))
    certificates = _differing(*({one.name: one for one in model.certificates} for model in (old, new)))
    policies = {
        source
        for name in clusters
        for cluster in (before.get(name), after.get(name))
        if (source := _policy(cluster)) is not None
    }
    return users.of_clusters(clusters) | users.of_certificates(certificates) | policies


def by_programming(old: Programming, new: Programming) -> set[ObjectRef] | None:
    """None: every object is concerned."""
    if old.failure != new.failure or old.proxies != new.proxies:
        return None
    return {*_differing(old.live, new.live), *_differing(old.refused, new.refused)}


def by_observations(old: Sequence[Observation], new: Sequence[Observation], users: Users) -> set[ObjectRef] | None:
    """None: another number of proxies reports, which every endpoint shows."""
    if len(old) != len(new):
        return None
    names: set[str] = set()
    for before, after in zip(old, new, strict=True):
        names.update(key.cluster for key in _differing(before.endpoints, after.endpoints))
    return users.of_clusters(names)


def _policy(cluster: Cluster | None) -> ObjectRef | None:
    return cluster.health_check.source if cluster is not None and cluster.health_check is not None else None


def _differing(old: Mapping[Key, object], new: Mapping[Key, object]) -> Iterator[Key]:
    """The keys of one only, or of another value. The same object costs no comparison of its parts."""
    if old is new:
        return
    missing = object()
    for key, value in new.items():
        before = old.get(key, missing)
        if before is not value and before != value:
            yield key
    yield from (key for key in old if key not in new)
