"""Whose status may differ after a change: a status costs as much as its object, whatever else there is."""

from collections.abc import Iterable, Mapping, Sequence

from haloy.api.conditions import Report
from haloy.api.snapshot import Rejection
from haloy.model.cluster import Cluster
from haloy.model.health import Observation
from haloy.model.model import Model
from haloy.model.refs import ObjectRef
from haloy.model.revised import differing, exchanged
from haloy.status.desired import Programming


class Users:
    """Which objects a cluster or certificate concerns, by the Reports of one cycle; `follow` leads on to the next cycle's."""

    def __init__(self) -> None:
        self._reports: Mapping[ObjectRef, Report] = {}
        self._clusters: dict[str, set[ObjectRef]] = {}
        self._certificates: dict[str, set[ObjectRef]] = {}

    def follow(self, reports: Mapping[ObjectRef, Report]) -> set[ObjectRef]:
        """Returns the objects whose Reports differ from the cycle before."""
        changed = differing(self._reports, reports)
        for ref in changed:
            before, now = self._reports.get(ref), reports.get(ref)
            if before is not None:
                _leave(self._clusters, before.clusters, ref)
                _leave(self._certificates, before.certificates, ref)
            if now is not None:
                _join(self._clusters, now.clusters, ref)
                _join(self._certificates, now.certificates, ref)
        self._reports = reports
        return changed

    def of_clusters(self, names: Iterable[str]) -> set[ObjectRef]:
        return {ref for name in names for ref in self._clusters.get(name, ())}

    def of_certificates(self, names: Iterable[str]) -> set[ObjectRef]:
        return {ref for name in names for ref in self._certificates.get(name, ())}


def _join(users: dict[str, set[ObjectRef]], names: Iterable[str], ref: ObjectRef) -> None:
    for name in names:
        users.setdefault(name, set()).add(ref)


def _leave(users: dict[str, set[ObjectRef]], names: Iterable[str], ref: ObjectRef) -> None:
    for name in names:
        users[name].discard(ref)
        if not users[name]:
            del users[name]


def by_rejections(old: Iterable[Rejection], new: Iterable[Rejection]) -> set[ObjectRef]:
    before, after = ({one.ref: one for one in group if one.ref is not None} for group in (old, new))
    return differing(before, after)


def by_model(old: Model, new: Model, users: Users) -> set[ObjectRef]:
    """The users of clusters and certificates that are others now, and the HealthPolicies of those clusters."""
    clusters = [cluster for group in exchanged(old.clusters, new.clusters) for cluster in group]
    certificates = [one for group in exchanged(old.certificates, new.certificates) for one in group]
    policies = {source for cluster in clusters if (source := _policy(cluster)) is not None}
    concerned = users.of_clusters(cluster.name for cluster in clusters)
    return concerned | users.of_certificates(certificate.name for certificate in certificates) | policies


def by_programming(old: Programming, new: Programming) -> set[ObjectRef] | None:
    """None: every object is concerned. (By `postponed` only those are that are not live: `by_postponement`.)"""
    if (old.failure, old.proxies, old.compiled) != (new.failure, new.proxies, new.compiled):
        return None
    return differing(old.live, new.live) | differing(old.refused, new.refused)


def by_postponement(reports: Mapping[ObjectRef, Report], old: Programming, new: Programming) -> set[ObjectRef]:
    """Those that wait, if what they wait for is something else now."""
    if old.postponed == new.postponed:
        return set()
    return {ref for ref, report in reports.items() if new.live.get(ref) != report.generation}


def by_observations(old: Sequence[Observation], new: Sequence[Observation], users: Users) -> set[ObjectRef] | None:
    """None: another number of proxies reports, which every endpoint shows."""
    if len(old) != len(new):
        return None
    names: set[str] = set()
    for before, after in zip(old, new, strict=True):
        names.update(key.cluster for key in differing(before.endpoints, after.endpoints))
    return users.of_clusters(names)


def _policy(cluster: Cluster) -> ObjectRef | None:
    return cluster.health_check.source if cluster.health_check is not None else None
