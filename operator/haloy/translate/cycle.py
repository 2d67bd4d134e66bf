"""One cycle: a Snapshot in, a Delivery and Reports out.

    Secrets → which certificate is served → Backends → Clusters → Routes → hosts → Model and Reports

Each arrow is a stage whose units are looked up in the Memo; what a stage finds out is a fact for the next.
"""

from collections.abc import Mapping
from typing import Any

from haloy.api.conditions import Report
from haloy.api.snapshot import Snapshot
from haloy.api.v1alpha1 import Backend, HealthPolicy, Route, TlsSecret
from haloy.model.model import Bundle, Certificate, Delivery, Material, Model
from haloy.model.refs import ObjectRef
from haloy.translate.backends import ClusterUnit, translate_backend
from haloy.translate.certificates import SecretState, choose, choose_bundle, examine, phase
from haloy.translate.context import Context, Translation
from haloy.translate.hosts import HostUnit, build_host
from haloy.translate.memo import Memo
from haloy.translate.reads import Fact, Facts, Key, Table, differences
from haloy.translate.refused import by_object
from haloy.translate.reports import policies_in_use, report_backend, report_policy, report_route, report_secret
from haloy.translate.routes import RouteFacts, RouteUnit, facts_of, seniority, translate_route
from haloy.translate.upstream import ca_secret, client_secret


def translate(snapshot: Snapshot, context: Context, memo: Memo | None = None) -> Translation:
    """Everything that the fleet `context.proxy_class` is to do. Pure: equal inputs give equal results, whatever the order
    of arrival; `memo` only saves work and keeps unchanged units the same objects."""
    return _Cycle(snapshot, context, memo if memo is not None else Memo()).run()


class _Cycle:
    def __init__(self, snapshot: Snapshot, context: Context, memo: Memo) -> None:
        self._context = context
        self._memo = memo
        self._settings = (
            context.proxy_class,
            context.require_grants,
            context.host_ownership,
            context.default_check,
            context.max_regexes,
        )
        memo.begin(forget=memo.settings != self._settings)
        self._facts: Facts = {}
        self._changed: set[Key] = set()
        self._provide(Fact.OBJECT, snapshot.objects)
        self._provide(Fact.RESOLUTION, snapshot.resolutions)
        self._provide(Fact.LABELS, snapshot.namespaces)
        self._provide(Fact.REFUSED, by_object(context.excluded))
        objects = [item for _, item in sorted(snapshot.objects.items())]
        routes = [item for item in objects if isinstance(item, Route) and item.spec.proxy_class == context.proxy_class]
        self._routes = sorted(routes, key=lambda route: seniority(route.ref, route.created))
        self._backends = [item for item in objects if isinstance(item, Backend)]
        self._policies = [item for item in objects if isinstance(item, HealthPolicy)]
        self._secrets = [item for item in objects if isinstance(item, TlsSecret)]
        self._route_facts = {route.ref: self._look_at(route) for route in self._routes}

    def run(self) -> Translation:
        states = {secret.ref: self._examine(secret) for secret in self._secrets}
        self._choose(states)
        clusters = {backend.ref: self._backend(backend) for backend in self._backends}
        self._provide(Fact.UNUSABLE, {ref: unit.unusable for ref, unit in clusters.items() if unit.unusable is not None})
        self._provide(Fact.REGEXES, self._regex_allowances())
        routes = {route.ref: self._route(route) for route in self._routes}
        hosts = self._hosts(routes)
        delivery = self._deliver(hosts, clusters)
        reports = self._report(delivery.model, states, clusters, routes, hosts)
        self._memo.commit(self._facts, self._settings)
        return Translation(delivery, reports)

    def _provide(self, fact: Fact, answers: Mapping[Any, Any]) -> None:
        self._facts[fact] = answers
        self._changed.update(differences(fact, self._memo.facts.get(fact, {}), answers))

    def _look_at(self, route: Route) -> RouteFacts:
        table = self._memo.route_facts
        return table.unit(route.ref, self._changed, (route,), self._facts, lambda _: facts_of(route))

    def _examine(self, secret: TlsSecret) -> SecretState:
        table = self._memo.secrets
        return table.unit(secret.ref, self._changed, (secret,), self._facts, lambda _: examine(secret))

    def _choose(self, states: Mapping[ObjectRef, SecretState]) -> None:
        """A choice for every Secret that somebody names, whether it exists or not."""
        now, memo = self._context.now, self._memo
        wanted: dict[ObjectRef, set[str]] = {}
        for facts in self._route_facts.values():
            if facts.certificate is not None:
                wanted.setdefault(facts.certificate, set()).update(facts.hosts)
        for secret in filter(None, map(client_secret, self._backends)):
            wanted.setdefault(secret, set())
        choices = {}
        for ref in sorted(wanted):
            state, retained, hosts = states.get(ref), self._context.retained.get(ref.key), tuple(sorted(wanted[ref]))
            inputs = (state, retained, hosts, phase(state, now))
            choices[ref] = memo.choices.unit(
                ref,
                self._changed,
                inputs,
                self._facts,
                lambda _, ref=ref, state=state, retained=retained, hosts=hosts: choose(ref, state, retained, hosts, now),  # type: ignore[misc]
            )
        self._provide(Fact.CERTIFICATE, choices)
        bundles = {}
        for ref in sorted(set(filter(None, map(ca_secret, self._backends)))):
            state, kept = states.get(ref), self._context.retained_bundles.get(ref.key)
            bundles[ref] = memo.bundles.unit(
                ref,
                self._changed,
                (state, kept),
                self._facts,
                lambda _, ref=ref, state=state, kept=kept: choose_bundle(ref, state, kept),  # type: ignore[misc]
            )
        self._provide(Fact.BUNDLE, bundles)
