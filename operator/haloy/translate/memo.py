"""What one cycle of translation remembers for the next."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from haloy.api.conditions import Report
from haloy.api.snapshot import Object, Snapshot
from haloy.model.refs import ObjectRef
from haloy.model.revised import Revised
from haloy.translate.backends import ClusterUnit
from haloy.translate.certificates import BundleChoice, Choice, SecretState
from haloy.translate.context import Context, Translation
from haloy.translate.hosts import HostUnit
from haloy.translate.refused import Complaints, by_object
from haloy.translate.routes import Claim, RouteFacts, RouteUnit
from haloy.translate.shares import Share
from haloy.translate.table import Overlay, Table


@dataclass(frozen=True, slots=True)
class Given:
    """All that a cycle is given, in the form in which two cycles are compared."""

    objects: Mapping[ObjectRef, Object]
    rejected: Mapping[ObjectRef, tuple[str, ...]]
    snapshot: Snapshot
    refused: Mapping[ObjectRef, Complaints]
    context: Context

    @classmethod
    def of(cls, snapshot: Snapshot, context: Context) -> "Given":
        rejected = {one.ref: one.problems for one in snapshot.rejections if one.ref is not None}
        return cls(snapshot.objects, rejected, snapshot, by_object(context.excluded), context)

    @property
    def settings(self) -> tuple[object, ...]:
        """When these differ everything is computed again."""
        context = self.context
        return (
            context.proxy_class,
            context.require_grants,
            context.host_ownership,
            context.default_check,
            context.max_regexes,
            context.max_regexes_each,
        )


@dataclass(frozen=True, slots=True)
class Derived:
    """What a cycle derives from all units together. `short`: Routes that come too late for all their expressions.
    `due`: the time until which no certificate's validity changes."""

    translation: Translation | None = None
    reports: Revised[ObjectRef, Report] = field(default_factory=Revised)
    expressions: Mapping[ObjectRef, RouteFacts] = field(default_factory=dict)
    short: Mapping[ObjectRef, Share] = field(default_factory=dict)
    unusable: Mapping[ObjectRef, str] = field(default_factory=dict)
    due: datetime | None = None


class Memo:
    """The units of the last finished cycle, and what leads to them. Whoever keeps one hands it to each call of `translate`; it is
    not shared. It is as large as what was translated last.

    A cycle that fails half-way leaves it as it was.
    """

    def __init__(self) -> None:
        self.given: Given | None = None
        self.derived = Derived()
        self.secrets: Table[ObjectRef, SecretState] = Table()
        self.choices: Table[ObjectRef, Choice] = Table()
        self.bundles: Table[ObjectRef, BundleChoice] = Table()
        self.clusters: Table[ObjectRef, ClusterUnit] = Table()
        self.route_facts: Table[ObjectRef, RouteFacts] = Table()
        self.routes: Table[ObjectRef, RouteUnit] = Table()
        self.reports: Table[ObjectRef, Report] = Table()
        self.hosts: Overlay[str, HostUnit] = Overlay()
        self.claims: Overlay[str, tuple[Claim, ...]] = Overlay()
        """The Routes that name a host, senior first."""
        self.wanted: Overlay[ObjectRef, Mapping[ObjectRef, tuple[str, ...]]] = Overlay()
        """By Secret: who names its certificate, for which hosts (a Backend: none)."""
        self.trusted: Overlay[ObjectRef, frozenset[ObjectRef]] = Overlay()
        """By Secret: the Backends that name its CA certificates."""
        self.checked: Overlay[ObjectRef, tuple[ObjectRef, ...]] = Overlay()
        """By HealthPolicy: the Backends that it checks, sorted."""

    def begin(self, *, again: bool) -> None:
        for table in self._tables():
            table.begin(again=again)
        for overlay in self._overlays():
            overlay.begin()

    def commit(self, given: Given, derived: Derived) -> None:
        self.given, self.derived = given, derived
        for table in self._tables():
            table.commit()
        for overlay in self._overlays():
            overlay.commit()

    def _tables(self) -> Iterator[Table[Any, Any]]:
        yield from (self.secrets, self.choices, self.bundles, self.clusters)
        yield from (self.route_facts, self.routes, self.reports)

    def _overlays(self) -> Iterator[Overlay[Any, Any]]:
        yield from (self.hosts, self.claims, self.wanted, self.trusted, self.checked)
