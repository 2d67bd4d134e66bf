"""One cycle: a Snapshot in, a Delivery and Reports out.

    Secrets → which certificate is served → Backends → Clusters → Routes → hosts → Model and Reports

Each arrow is a stage. It goes to those units only whose inputs may differ from the last cycle's, looks each up in the Memo, and
hands what really became another on to the next stage: what a change costs depends on the change, not on how much there is.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from haloy.api.conditions import Report
from haloy.api.snapshot import Snapshot, made_of_files
from haloy.api.v1alpha1 import Backend, HealthPolicy, Route, TlsSecret
from haloy.model.health import HealthCheck
from haloy.model.refs import ObjectRef
from haloy.model.revised import Revised, differing
from haloy.translate.backends import ClusterUnit, translate_backend
from haloy.translate.context import Context, Translation
from haloy.translate.delivery import Parts, deliver
from haloy.translate.hosts import Changes, build_host
from haloy.translate.memo import Derived, Given, Memo
from haloy.translate.reads import Fact, Facts, Key, Names, Reads, differences
from haloy.translate.reports import report_policy, report_route, report_secret
from haloy.translate.routes import RouteFacts, RouteUnit, facts_of, seniority, translate_route
from haloy.translate.secret_stage import SecretStage
from haloy.translate.shares import Share, short_shares

Value = TypeVar("Value")


def translate(snapshot: Snapshot, context: Context, memo: Memo | None = None) -> Translation:
    """Everything that the fleet `context.proxy_class` is to do. Pure: equal inputs give equal results, whatever the order
    of arrival; `memo` only saves work and keeps unchanged units the same objects."""
    return _Cycle(Given.of(snapshot, context), memo if memo is not None else Memo()).run()


class _Cycle:
    def __init__(self, given: Given, memo: Memo) -> None:
        last = memo.given
        self._given, self._memo, self._last, self._context = given, memo, memo.derived, given.context
        self._again = last is None or last.settings != given.settings
        memo.begin(again=self._again)
        self._objects = given.objects
        self._objects_before = last.objects if last is not None else {}
        self._facts: Facts = {
            Fact.NAMES: Names(given.objects),
            Fact.CERTIFICATE: memo.choices,
            Fact.BUNDLE: memo.bundles,
        }
        self._changed: set[Key] = set()
        """The questions that have another answer than in the last cycle, as far as is known by now."""
        before: Mapping[Any, Any] = {}
        self._provide(Fact.OBJECT, self._objects_before, given.objects)
        self._provide(Fact.REJECTED, last.rejected if last else before, given.rejected)
        self._provide(Fact.RESOLUTION, last.snapshot.resolutions if last else before, given.snapshot.resolutions)
        self._provide(Fact.LABELS, last.snapshot.namespaces if last else before, given.snapshot.namespaces)
        self._provide(Fact.REFUSED, last.refused if last else before, given.refused)
        touched = differing(self._objects_before, given.objects)
        self._touched = sorted({*self._objects_before, *given.objects} if self._again else touched)
        self._parts = Parts(self._last.translation.delivery if self._last.translation is not None else None)
        self._reclaimed: dict[str, set[ObjectRef]] = {}
        """By host: the Routes that came to it, left it, or became older or younger."""
        self._secrets = SecretStage(given, memo, self._touched, self._facts, self._changed)
        self._routes_changed: dict[ObjectRef, tuple[RouteUnit | None, RouteUnit | None]] = {}
        self._to_report: set[ObjectRef] = set()

    def run(self) -> Translation:
        expressions = self._look_at_routes()
        certificates, bundles, due = self._secrets.run()
        self._to_report |= certificates
        self._parts.secrets = self._parts.secrets or bool(certificates or bundles)
        unusable = self._translate_backends()
        self._provide(Fact.UNUSABLE, self._last.unusable, unusable)
        short = (
            self._last.short if expressions is self._last.expressions and not self._again else self._short(expressions)
        )
        self._provide(Fact.REGEXES, self._last.short, short)
        self._translate_routes()
        self._build_hosts()
        delivery = deliver(self._parts, self._context.fleet, self._memo)
        reports = self._report()
        translation = Translation(delivery, reports)
        self._memo.commit(self._given, Derived(translation, reports, expressions, short, unusable, due))
        return translation

    def _provide(self, fact: Fact, before: Mapping[Any, Any], answers: Mapping[Any, Any]) -> None:
        self._facts[fact] = answers
        self._changed.update(differences(fact, before, answers))

    def _of_kind(self, kind: str) -> list[ObjectRef]:
        """The objects of a kind that came, went or became others, sorted."""
        return [ref for ref in self._touched if ref.kind == kind]

    def _route(self, ref: ObjectRef) -> Route | None:
        found = self._objects.get(ref)
        return found if isinstance(found, Route) and found.spec.proxy_class == self._context.proxy_class else None

    def _look_at_routes(self) -> Mapping[ObjectRef, RouteFacts]:
        """Who names which hosts and Secrets. Returns the Routes with regular expressions."""
        table = self._memo.route_facts
        expressions = dict(self._last.expressions)
        for ref in self._of_kind("Route"):
            before, route, now = table.last(ref), self._route(ref), None
            if route is None:
                table.drop(ref)
            else:
                now = table.unit(ref, self._changed, (route,), self._facts, _always(facts_of, route))
            if now is before:
                continue
            if now is not None and now.regexes:
                expressions[ref] = now
            else:
                expressions.pop(ref, None)
            self._reclaim(ref, before, now)
        self._settle_claims()
        return expressions if expressions != self._last.expressions else self._last.expressions

    def _reclaim(self, ref: ObjectRef, before: RouteFacts | None, now: RouteFacts | None) -> None:
        old_hosts, new_hosts = (facts.hosts if facts is not None else () for facts in (before, now))
        old, new = set(old_hosts), set(new_hosts)
        moved = before is not None and now is not None and before.created != now.created
        for host in old | new if moved else old ^ new:
            self._reclaimed.setdefault(host, set()).add(ref)
        self._secrets.wish(ref, before.certificate if before is not None else None, None)
        self._secrets.wish(ref, now.certificate if now is not None else None, new_hosts)

    def _settle_claims(self) -> None:
        claims = self._memo.claims
        for host, refs in self._reclaimed.items():
            kept = [claim for claim in claims.get(host) or () if claim[1] not in refs]
            for ref in refs:
                facts = self._memo.route_facts.get(ref)
                if facts is not None and host in facts.hosts:
                    kept.append(seniority(ref, facts.created))
            if kept:
                claims.set(host, tuple(sorted(kept)))
            else:
                claims.drop(host)

    def _translate_backends(self) -> Mapping[ObjectRef, str]:
        """Returns the Backends that have no cluster, and why."""
        table, default = self._memo.clusters, self._context.default_check
        unusable = dict(self._last.unusable)
        membership: dict[ObjectRef, dict[ObjectRef, bool]] = {}
        for ref in sorted({*self._of_kind("Backend"), *table.stale(self._changed)}):
            before, backend, now = table.last(ref), self._objects.get(ref), None
            if isinstance(backend, Backend):
                now = table.unit(ref, self._changed, (backend,), self._facts, _backend(backend, default))
            else:
                table.drop(ref)
            if now is before:
                continue
            self._to_report.add(ref)
            unusable.pop(ref, None)
            if now is not None and now.unusable is not None:
                unusable[ref] = now.unusable
            old, new = (unit.cluster if unit is not None else None for unit in (before, now))
            if old is not new:
                self._parts.clusters[ref] = new
                self._parts.secrets = self._parts.secrets or (old and old.tls) != (new and new.tls)
            for cluster, there in ((old, False), (new, True)):
                if cluster is not None and cluster.health_check is not None and cluster.health_check.source is not None:
                    membership.setdefault(cluster.health_check.source, {})[ref] = there
        for policy, members in membership.items():
            users = set(self._memo.checked.get(policy) or ())
            joined = users.union(ref for ref, there in members.items() if there)
            joined -= {ref for ref, there in members.items() if not there}
            if joined != users:
                self._to_report.add(policy)
                if joined:
                    self._memo.checked.set(policy, tuple(sorted(joined)))
                else:
                    self._memo.checked.drop(policy)
        return unusable if unusable != self._last.unusable else self._last.unusable

    def _short(self, expressions: Mapping[ObjectRef, RouteFacts]) -> dict[ObjectRef, Share]:
        """Who comes too late for the limits of regular expressions: senior Routes go first."""
        ranked = sorted(seniority(ref, facts.created) for ref, facts in expressions.items())
        wanting = ((ref, expressions[ref].regexes) for _, ref in ranked)
        return short_shares(wanting, each=self._context.max_regexes_each, fleet=self._context.max_regexes)

    def _translate_routes(self) -> None:
        table = self._memo.routes
        for ref in sorted({*self._of_kind("Route"), *table.stale(self._changed)}):
            before, route, now = table.last(ref), self._route(ref), None
            if route is None:
                table.drop(ref)
            else:
                now = table.unit(ref, self._changed, (route,), self._facts, _route(route, self._context.require_grants))
            self._to_report.add(ref)
            if now is not before:
                self._routes_changed[ref] = before, now

    def _build_hosts(self) -> None:
        """Every host with all Routes that name it, where one of them changed."""
        memo = self._memo
        concerned: dict[str, set[ObjectRef]] = {host: set(refs) for host, refs in self._reclaimed.items()}
        for ref, units in self._routes_changed.items():
            for host in {host for unit in units if unit is not None for host in unit.hosts}:
                concerned.setdefault(host, set()).add(ref)
        anew = set(memo.hosts) if self._again else self._reowned()
        for host in sorted(concerned.keys() | anew):
            self._build_host(host, concerned.get(host, set()), again=host in anew)

    def _reowned(self) -> set[str]:
        """Hosts where a canonical host counts that did not before, or the other way round, since it has another owner."""
        if not self._context.host_ownership:
            return set()
        found: set[str] = set()
        for host in self._reclaimed:
            old, new = self._memo.claims.last(host), self._memo.claims.get(host)
            if old and new and old[0][1].namespace != new[0][1].namespace:
                for _, ref in {*old, *new}:
                    unit = self._memo.routes.get(ref)
                    if unit is not None and unit.canonical == host:
                        found.update(unit.hosts)
        return found

    def _build_host(self, host: str, refs: set[ObjectRef], *, again: bool) -> None:
        memo = self._memo
        before, claims = memo.hosts.last(host), memo.claims.get(host)
        if claims is None:
            memo.hosts.drop(host)
            self._parts.hosts[host] = None
            self._parts.secrets = True
            return
        named = {ref: self._unit_on(host, memo.routes.last(ref)) for ref in refs}
        naming = {ref: self._unit_on(host, memo.routes.get(ref)) for ref in refs}
        moved = {ref for ref in self._reclaimed.get(host, ()) if named[ref] is not None and naming[ref] is not None}
        claim_of = {ref: seniority(ref, unit.created) for ref, unit in naming.items() if unit is not None}
        changes = Changes({ref: (named[ref], naming[ref]) for ref in refs}, claim_of, moved)
        unit, concerned = build_host(
            host,
            claims,
            self._unit,
            before,
            changes,
            ownership=self._context.host_ownership,
            counts=self._counts,
            again=again,
        )
        self._to_report |= concerned
        memo.hosts.computed += 1
        if unit is before:
            return
        memo.hosts.set(host, unit)
        old, new = before.virtual_host if before is not None else None, unit.virtual_host
        if old is not new:
            self._parts.hosts[host] = new
            self._parts.secrets = self._parts.secrets or (old and old.tls) != (new and new.tls)

    @staticmethod
    def _unit_on(host: str, unit: RouteUnit | None) -> RouteUnit | None:
        return unit if unit is not None and host in unit.hosts else None

    def _unit(self, ref: ObjectRef) -> RouteUnit:
        unit = self._memo.routes.get(ref)
        assert unit is not None
        return unit

    def _counts(self, unit: RouteUnit) -> bool:
        """Whether the canonical host of `unit` is not another namespace's."""
        if unit.canonical is None or not self._context.host_ownership:
            return unit.canonical is not None
        claims = self._memo.claims.get(unit.canonical)
        return claims is not None and claims[0][1].namespace == unit.ref.namespace

    def _report(self) -> Revised[ObjectRef, Report]:
        """A Report for every object of the fleet."""
        refused = {key for fact, key in self._changed if fact is Fact.REFUSED and isinstance(key, ObjectRef)}
        pending = {*self._touched, *self._to_report, *self._parts.others_in_use, *refused}
        found: dict[ObjectRef, Report] = {}
        gone: list[ObjectRef] = []
        for ref in sorted(pending):
            report = self._report_of(ref)
            if report is None:
                gone.append(ref)
                self._memo.reports.drop(ref)
            else:
                found[ref] = report
        return self._last.reports.revised(found, gone)

    def _report_of(self, ref: ObjectRef) -> Report | None:
        """None: there is no such object in the fleet, or nobody wrote it."""
        memo, item = self._memo, self._objects.get(ref)
        match item:
            case Route():
                unit = memo.routes.get(ref)
                return self._route_report(unit, item.generation) if unit is not None else None
            case Backend():
                cluster = memo.clusters.get(ref)
                return cluster.report if cluster is not None else None
            case HealthPolicy():
                complaints, users = self._given.refused.get(ref, ()), memo.checked.get(ref) or ()
                names = tuple(backend.key for backend in users)
                return self._remembered(ref, (item, complaints, users), _always(report_policy, item, complaints, names))
            case TlsSecret() if not made_of_files(ref):
                state, choice, used = memo.secrets.get(ref), memo.choices.get(ref), ref.key in self._parts.in_use
                assert state is not None
                make = _always(report_secret, item, state, choice, used)
                return self._remembered(ref, (item, state, choice, used), make)
            case _:
                return None

    def _route_report(self, unit: RouteUnit, generation: int) -> Report:
        hosts = [self._memo.hosts.get(host) for host in unit.hosts]
        shares = tuple(host.share(unit) for host in hosts if host is not None)
        make = _always(report_route, unit, generation, shares)
        return self._remembered(unit.ref, (unit, generation, shares), make)

    def _remembered(self, ref: ObjectRef, inputs: tuple[object, ...], make: Callable[[Reads], Report]) -> Report:
        return self._memo.reports.unit(ref, self._changed, inputs, self._facts, make)


def _always(compute: Callable[..., Value], *inputs: Any) -> Callable[[Reads], Value]:
    """A unit that asks no questions."""
    return lambda _: compute(*inputs)


def _backend(backend: Backend, default: HealthCheck) -> Callable[[Reads], ClusterUnit]:
    return lambda reads: translate_backend(backend, reads, default)


def _route(route: Route, grants: bool) -> Callable[[Reads], RouteUnit]:
    return lambda reads: translate_route(route, reads, require_grants=grants)
