"""What one cycle of translation remembers for the next."""

from collections.abc import Iterator
from typing import Any

from haloy.api.conditions import Report
from haloy.model.refs import ObjectRef
from haloy.translate.backends import ClusterUnit
from haloy.translate.certificates import BundleChoice, Choice, SecretState
from haloy.translate.hosts import HostUnit
from haloy.translate.reads import Facts, Table
from haloy.translate.routes import RouteFacts, RouteUnit


class Memo:
    """The units of the last finished cycle. Whoever keeps one hands it to each call of `translate`; it is not shared.

    A cycle that fails half-way leaves it as it was.
    """

    def __init__(self) -> None:
        self.facts: Facts = {}
        self.settings: tuple[object, ...] = ()
        self.secrets: Table[ObjectRef, SecretState] = Table()
        self.choices: Table[ObjectRef, Choice] = Table()
        self.bundles: Table[ObjectRef, BundleChoice] = Table()
        self.clusters: Table[ObjectRef, ClusterUnit] = Table()
        self.route_facts: Table[ObjectRef, RouteFacts] = Table()
        self.routes: Table[ObjectRef, RouteUnit] = Table()
        self.hosts: Table[str, HostUnit] = Table()
        self.reports: Table[ObjectRef, Report] = Table()

    def begin(self, *, forget: bool) -> None:
        for table in self._tables():
            table.begin(forget=forget)

    def commit(self, facts: Facts, settings: tuple[object, ...]) -> None:
        self.facts, self.settings = facts, settings
        for table in self._tables():
            table.commit()

    def _tables(self) -> Iterator[Table[Any, Any]]:
        yield from (self.secrets, self.choices, self.bundles, self.clusters)
        yield from (self.route_facts, self.routes, self.hosts, self.reports)
