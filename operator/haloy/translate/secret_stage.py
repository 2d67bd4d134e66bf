"""The stage of the Secrets: what each holds, and which certificate and which CA certificates are in use for those that somebody
names, whether they exist or not."""

from collections.abc import Iterable
from datetime import datetime
from itertools import chain

from haloy.api.v1alpha1 import Backend, TlsSecret
from haloy.model.refs import ObjectRef
from haloy.model.revised import differing
from haloy.translate.certificates import BundleChoice, Choice, choose, choose_bundle, examine, next_phase, phase
from haloy.translate.memo import Given, Memo
from haloy.translate.reads import Fact, Facts, Key
from haloy.translate.upstream import ca_secret, client_secret


class SecretStage:
    """One cycle's. `touched`: the objects that may be others than in the last cycle, in order. `changed` gets the questions that
    are answered otherwise now."""

    def __init__(self, given: Given, memo: Memo, touched: Iterable[ObjectRef], facts: Facts, changed: set[Key]) -> None:
        self._given, self._memo, self._facts, self._changed = given, memo, facts, changed
        self._context, self._last = given.context, memo.given
        self._objects = given.objects
        self._objects_before = self._last.objects if self._last is not None else {}
        touched = list(touched)
        self._backends = [ref for ref in touched if ref.kind == "Backend"]
        self._secrets = [ref for ref in touched if ref.kind == "Secret"]
        self._wishes: dict[ObjectRef, dict[ObjectRef, tuple[str, ...] | None]] = {}
        """By Secret: who names its certificate for which hosts; None: no longer."""
        self._trusting: dict[ObjectRef, set[ObjectRef]] = {}
        """By Secret: the Backends that came to name its CA certificates, or named them."""

    def wish(self, user: ObjectRef, secret: ObjectRef | None, hosts: tuple[str, ...] | None) -> None:
        """`user` names the certificate of `secret`, for `hosts`; None: it did so before. The last word counts."""
        if secret is not None:
            self._wishes.setdefault(secret, {})[user] = hosts

    def run(self) -> tuple[set[ObjectRef], set[ObjectRef], datetime | None]:
        """The Secrets whose certificate in use became another, those whose CA certificates did, and the time until when
        the choices hold."""
        self._examine()
        self._look_at_backends()
        self._settle()
        retained, bundles = self._retained_changes()
        certificates, due = self._choose_certificates(retained)
        return certificates, self._choose_bundles(bundles), due

    def _examine(self) -> None:
        for ref in self._secrets:
            secret = self._objects.get(ref)
            if isinstance(secret, TlsSecret):
                self._read(secret)
            else:
                self._memo.secrets.drop(ref)

    def _read(self, secret: TlsSecret) -> None:
        self._memo.secrets.unit(secret.ref, self._changed, (secret,), self._facts, lambda _: examine(secret))

    def _look_at_backends(self) -> None:
        for ref in self._backends:
            for found, hosts in ((self._objects_before.get(ref), None), (self._objects.get(ref), ())):
                if isinstance(found, Backend):
                    self.wish(ref, client_secret(found), hosts)
                    if (secret := ca_secret(found)) is not None:
                        self._trusting.setdefault(secret, set()).add(ref)

    def _settle(self) -> None:
        memo = self._memo
        for secret, wishes in self._wishes.items():
            merged = {**(memo.wanted.get(secret) or {}), **wishes}
            users = {user: hosts for user, hosts in merged.items() if hosts is not None}
            if users:
                memo.wanted.set(secret, users)
            else:
                memo.wanted.drop(secret)
        for secret, refs in self._trusting.items():
            others = (memo.trusted.get(secret) or frozenset()) - refs
            found = others | {ref for ref in refs if self._trusts(ref, secret)}
            if found:
                memo.trusted.set(secret, found)
            else:
                memo.trusted.drop(secret)

    def _trusts(self, ref: ObjectRef, secret: ObjectRef) -> bool:
        backend = self._objects.get(ref)
        return isinstance(backend, Backend) and ca_secret(backend) == secret

    def _choose_certificates(self, retained: set[ObjectRef]) -> tuple[set[ObjectRef], datetime | None]:
        memo, table, now = self._memo, self._memo.choices, self._context.now
        pending = {*self._secrets, *self._wishes, *retained, *table.stale(self._changed)}
        due, last = memo.derived.due, self._last.context.now if self._last is not None else now
        if now < last or (due is not None and now >= due):
            pending, due = {ref for ref, _ in table.items()} | pending, None
        found: set[ObjectRef] = set()
        for ref in sorted(pending):
            before, after = table.last(ref), self._choice(ref)
            if after is not None and (until := next_phase(memo.secrets.get(ref), now)) is not None:
                due = until if due is None else min(due, until)
            if after is not before:
                self._changed.add((Fact.CERTIFICATE, ref))
                found.add(ref)
        return found, due

    def _choose_bundles(self, retained: set[ObjectRef]) -> set[ObjectRef]:
        table = self._memo.bundles
        found: set[ObjectRef] = set()
        for ref in sorted({*self._secrets, *self._trusting, *retained, *table.stale(self._changed)}):
            if table.last(ref) is not self._bundle(ref):
                self._changed.add((Fact.BUNDLE, ref))
                found.add(ref)
        return found

    def _retained_changes(self) -> tuple[set[ObjectRef], set[ObjectRef]]:
        """The Secrets whose retained certificate, or CA certificates, are others than in the last cycle."""
        before = self._last.context if self._last is not None else None
        certificates = differing(before.retained if before else {}, self._context.retained)
        bundles = differing(before.retained_bundles if before else {}, self._context.retained_bundles)
        found = [{ObjectRef("Secret", *name.split("/", 1)) for name in names} for names in (certificates, bundles)]
        return found[0], found[1]

    def _choice(self, ref: ObjectRef) -> Choice | None:
        users = self._memo.wanted.get(ref)
        if users is None:
            self._memo.choices.drop(ref)
            return None
        now, state, retained = self._context.now, self._memo.secrets.get(ref), self._context.retained.get(ref.key)
        hosts = tuple(sorted(set(chain.from_iterable(users.values()))))
        return self._memo.choices.unit(
            ref,
            self._changed,
            (state, retained, hosts, phase(state, now)),
            self._facts,
            lambda reads: choose(ref, state, retained, hosts, now, reads.rejected(ref)),
        )

    def _bundle(self, ref: ObjectRef) -> BundleChoice | None:
        if self._memo.trusted.get(ref) is None:
            self._memo.bundles.drop(ref)
            return None
        state, retained = self._memo.secrets.get(ref), self._context.retained_bundles.get(ref.key)
        return self._memo.bundles.unit(
            ref, self._changed, (state, retained), self._facts, lambda _: choose_bundle(ref, state, retained)
        )
