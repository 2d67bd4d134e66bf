"""One cycle: a Snapshot in, a Delivery and Reports out.

    Secrets → which certificate is served → Backends → Clusters → Routes → hosts → Model and Reports

Each arrow is a stage whose units are looked up in the Memo; what a stage finds out is a fact for the next.
"""

from collections.abc import Mapping
from typing import Any

from haloy.api.conditions import Report
from haloy.api.snapshot import Snapshot, made_of_files
from haloy.api.v1alpha1 import Backend, HealthPolicy, Route, TlsSecret
from haloy.model.model import Bundle, Certificate, Delivery, Material, Model
from haloy.model.refs import ObjectRef
from haloy.translate.backends import ClusterUnit, translate_backend
from haloy.translate.certificates import BundleChoice, Choice, SecretState, choose, choose_bundle, examine, phase
from haloy.translate.context import Context, Translation
from haloy.translate.hosts import HostUnit, build_host, owner_of
from haloy.translate.memo import Memo
from haloy.translate.reads import Fact, Facts, Key, differences
from haloy.translate.refused import by_object
from haloy.translate.reports import policies_in_use, report_policy, report_route, report_secret
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
        self._provide(Fact.REJECTED, {one.ref: one.problems for one in snapshot.rejections if one.ref is not None})
        self._provide(Fact.RESOLUTION, snapshot.resolutions)
        self._provide(Fact.LABELS, snapshot.namespaces)
        self._provide(Fact.REFUSED, by_object(context.excluded))
        refs = sorted(snapshot.objects, key=lambda ref: (ref.kind, ref.namespace, ref.name))
        objects = [(ref, snapshot.objects[ref]) for ref in refs]
        routes = [
            (ref, item)
            for ref, item in objects
            if isinstance(item, Route) and item.spec.proxy_class == context.proxy_class
        ]
        self._refs = refs
        self._routes = dict(sorted(routes, key=lambda pair: seniority(pair[0], pair[1].created)))
        self._backends = {ref: item for ref, item in objects if isinstance(item, Backend)}
        self._policies = {ref: item for ref, item in objects if isinstance(item, HealthPolicy)}
        self._secrets = {ref: item for ref, item in objects if isinstance(item, TlsSecret)}
        self._route_facts = {ref: self._look_at(ref, route) for ref, route in self._routes.items()}

    def run(self) -> Translation:
        states = {ref: self._examine(ref, secret) for ref, secret in self._secrets.items()}
        self._choose(states)
        clusters = {ref: self._backend(ref, backend) for ref, backend in self._backends.items()}
        self._provide(
            Fact.UNUSABLE, {ref: unit.unusable for ref, unit in clusters.items() if unit.unusable is not None}
        )
        self._provide(Fact.REGEXES, self._regex_allowances())
        routes = {ref: self._route(ref, route) for ref, route in self._routes.items()}
        hosts = self._hosts(routes)
        delivery = self._deliver(hosts, clusters)
        reports = self._report(delivery.model, states, clusters, routes, hosts)
        self._memo.commit(self._facts, self._settings)
        return Translation(delivery, reports)

    def _provide(self, fact: Fact, answers: Mapping[Any, Any]) -> None:
        self._facts[fact] = answers
        self._changed.update(differences(fact, self._memo.facts.get(fact, {}), answers))

    def _look_at(self, ref: ObjectRef, route: Route) -> RouteFacts:
        table = self._memo.route_facts
        return table.unit(ref, self._changed, (route,), self._facts, lambda _: facts_of(route))

    def _examine(self, ref: ObjectRef, secret: TlsSecret) -> SecretState:
        table = self._memo.secrets
        return table.unit(ref, self._changed, (secret,), self._facts, lambda _: examine(secret))

    def _choose(self, states: Mapping[ObjectRef, SecretState]) -> None:
        """A choice for every Secret that somebody names, whether it exists or not."""
        wanted: dict[ObjectRef, set[str]] = {}
        for facts in self._route_facts.values():
            if facts.certificate is not None:
                wanted.setdefault(facts.certificate, set()).update(facts.hosts)
        for secret in filter(None, map(client_secret, self._backends.values())):
            wanted.setdefault(secret, set())
        self._provide(
            Fact.CERTIFICATE,
            {ref: self._choice(ref, states.get(ref), tuple(sorted(wanted[ref]))) for ref in sorted(wanted)},
        )
        bundles = sorted(set(filter(None, map(ca_secret, self._backends.values()))))
        self._provide(Fact.BUNDLE, {ref: self._bundle(ref, states.get(ref)) for ref in bundles})

    def _choice(self, ref: ObjectRef, state: SecretState | None, hosts: tuple[str, ...]) -> Choice:
        now = self._context.now
        retained = self._context.retained.get(ref.key)
        inputs = (state, retained, hosts, phase(state, now))
        return self._memo.choices.unit(
            ref,
            self._changed,
            inputs,
            self._facts,
            lambda reads: choose(ref, state, retained, hosts, now, reads.rejected(ref)),
        )

    def _bundle(self, ref: ObjectRef, state: SecretState | None) -> BundleChoice:
        retained = self._context.retained_bundles.get(ref.key)
        return self._memo.bundles.unit(
            ref, self._changed, (state, retained), self._facts, lambda _: choose_bundle(ref, state, retained)
        )

    def _backend(self, ref: ObjectRef, backend: Backend) -> ClusterUnit:
        default = self._context.default_check
        return self._memo.clusters.unit(
            ref,
            self._changed,
            (backend,),
            self._facts,
            lambda reads: translate_backend(backend, reads, default),
        )

    def _regex_allowances(self) -> dict[ObjectRef, int]:
        """Who comes too late for the fleet's limit, and how many of its expressions still fit: senior Routes go first."""
        left = self._context.max_regexes
        short: dict[ObjectRef, int] = {}
        for ref, facts in self._route_facts.items():
            count = facts.regexes
            if count > left:
                short[ref] = left
            left = max(0, left - count)
        return short

    def _route(self, ref: ObjectRef, route: Route) -> RouteUnit:
        grants = self._context.require_grants
        return self._memo.routes.unit(
            ref,
            self._changed,
            (route,),
            self._facts,
            lambda reads: translate_route(route, reads, require_grants=grants),
        )

    def _hosts(self, routes: Mapping[ObjectRef, RouteUnit]) -> dict[str, HostUnit]:
        """Every host with all Routes that name it, senior first, which is the order of `routes`."""
        claims: dict[str, list[RouteUnit]] = {}
        for unit in routes.values():
            for host in unit.hosts:
                claims.setdefault(host, []).append(unit)
        return {host: self._host(host, claims) for host in sorted(claims)}

    def _host(self, host: str, claims: Mapping[str, list[RouteUnit]]) -> HostUnit:
        claimants = claims[host]
        ownership = self._context.host_ownership
        redirecting = tuple(
            unit.canonical is not None and not (ownership and owner_of(claims[unit.canonical]) != unit.ref.namespace)
            for unit in claimants
        )
        return self._memo.hosts.unit(
            host,
            self._changed,
            (*claimants, redirecting),
            self._facts,
            lambda _: build_host(host, claimants, ownership=ownership, redirecting=redirecting),
        )

    def _deliver(self, hosts: Mapping[str, HostUnit], clusters: Mapping[ObjectRef, ClusterUnit]) -> Delivery:
        """The Model, and of the secrets those that it refers to."""
        choices: Mapping[ObjectRef, Choice] = self._facts[Fact.CERTIFICATE]
        trusted: Mapping[ObjectRef, BundleChoice] = self._facts[Fact.BUNDLE]
        virtual_hosts = tuple(unit.virtual_host for unit in hosts.values() if unit.virtual_host is not None)
        served = tuple(unit.cluster for unit in clusters.values() if unit.cluster is not None)
        upstream = [cluster.tls for cluster in served if cluster.tls is not None]
        names = {vhost.tls.certificate for vhost in virtual_hosts if vhost.tls is not None}
        names |= {tls.client_certificate for tls in upstream}
        authorities = {tls.ca for tls in upstream}
        materials: dict[str, Material] = {}
        certificates: list[Certificate] = []
        for choice in choices.values():
            if choice.certificate is not None and choice.material is not None and choice.certificate.name in names:
                certificates.append(choice.certificate)
                materials[choice.material.digest] = choice.material
        bundles: list[Bundle] = []
        for bundle in trusted.values():
            if bundle.bundle is not None and bundle.material is not None and bundle.bundle.name in authorities:
                bundles.append(bundle.bundle)
                materials[bundle.material.digest] = bundle.material
        model = Model(
            self._context.fleet,
            virtual_hosts,
            served,
            tuple(sorted(certificates, key=lambda item: item.name)),
            tuple(sorted(bundles, key=lambda item: item.name)),
        )
        return Delivery(model, dict(sorted(materials.items())))

    def _report(
        self,
        model: Model,
        states: Mapping[ObjectRef, SecretState],
        clusters: Mapping[ObjectRef, ClusterUnit],
        routes: Mapping[ObjectRef, RouteUnit],
        hosts: Mapping[str, HostUnit],
    ) -> dict[ObjectRef, Report]:
        """A Report for every object of the fleet, sorted by ref. Those of Routes and Backends belong to units; the others
        are few and cheap."""
        refused = self._facts[Fact.REFUSED]
        choices = self._facts[Fact.CERTIFICATE]
        certificates = {certificate.name: certificate for certificate in model.certificates}
        in_use = policies_in_use(clusters)
        found = {ref: self._route_report(ref, route, routes[ref], hosts) for ref, route in self._routes.items()}
        found |= {ref: unit.report for ref, unit in clusters.items()}
        found |= {
            ref: report_policy(policy, refused.get(ref, ()), tuple(in_use.get(ref, ())))
            for ref, policy in self._policies.items()
        }
        found |= {
            ref: report_secret(secret, states[ref], choices.get(ref), certificates)
            for ref, secret in self._secrets.items()
            if not made_of_files(ref)
        }
        return {ref: found[ref] for ref in self._refs if ref in found}

    def _route_report(self, ref: ObjectRef, route: Route, unit: RouteUnit, hosts: Mapping[str, HostUnit]) -> Report:
        units = tuple(hosts[host] for host in unit.hosts)
        return self._memo.reports.unit(
            ref,
            self._changed,
            (unit, route.generation, *units),
            self._facts,
            lambda _: report_route(unit, route.generation, units),
        )
