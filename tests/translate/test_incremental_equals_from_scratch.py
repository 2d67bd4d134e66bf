"""Whatever happens, and in whatever order, the remembered translation equals one made from scratch.

And what did not change is still the same object, since the proxy's side compares by identity.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from haloy.api.snapshot import Object, Resolution, Snapshot
from haloy.model.refs import FieldRef, ObjectRef
from haloy.model.revised import Revised
from haloy.translate import Memo, Translation, retained_bundles, retained_certificates, translate
from tests.translate.pools import (
    NAMES_IN_DNS,
    NAMESPACES,
    objects,
    refs,
    refusals,
    resolutions,
)
from tests.translate.world import context


class Incremental(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.memo = Memo()
        self.snapshot = Snapshot(synced=True)
        self.context = context(max_regexes=3)
        self.last: Translation | None = None

    @initialize(world=st.lists(objects(), min_size=4, max_size=14, unique_by=lambda item: item.ref))
    def begin(self, world: list[Object]) -> None:
        self.change(objects={item.ref: item for item in world})

    def change(self, **parts: Any) -> None:
        self.snapshot = replace(self.snapshot, **parts)

    @rule(changed=objects())
    def put(self, changed: Object) -> None:
        self.change(objects=Revised.of(self.snapshot.objects).revised({changed.ref: changed}))

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        if self.snapshot.objects:
            gone = data.draw(st.sampled_from(sorted(self.snapshot.objects)))
            self.change(objects=Revised.of(self.snapshot.objects).revised({}, [gone]))

    @rule()
    def read_everything_anew(self) -> None:
        self.change(
            objects={
                ref: item.model_copy(deep=True) if hasattr(item, "model_copy") else replace(item)
                for ref, item in self.snapshot.objects.items()
            }
        )

    @rule(name=st.sampled_from(NAMES_IN_DNS), answer=st.none() | resolutions())
    def resolve(self, name: str, answer: Resolution | None) -> None:
        others = {key: value for key, value in self.snapshot.resolutions.items() if key != name}
        self.change(resolutions={**others, name: answer} if answer is not None else others)

    @rule(namespace=st.sampled_from(NAMESPACES), labels=st.sampled_from([{}, {"a": "1"}]))
    def label(self, namespace: str, labels: dict[str, str]) -> None:
        self.change(namespaces={**self.snapshot.namespaces, namespace: labels})

    @rule(refused=st.dictionaries(refusals(), st.just("no"), max_size=2))
    def refuse(self, refused: dict[ObjectRef | FieldRef, str]) -> None:
        self.context = replace(self.context, excluded=refused)

    @rule()
    def go_live(self) -> None:
        if self.last is not None:
            delivery = self.last.delivery
            self.context = replace(
                self.context,
                retained=retained_certificates(delivery),
                retained_bundles=retained_bundles(delivery),
            )

    @rule(hours=st.sampled_from([1, 48, 24 * 80]))
    def wait(self, hours: int) -> None:
        self.context = replace(self.context, now=self.context.now + timedelta(hours=hours))

    @rule(cluster=st.booleans())
    def move_to_a_cluster(self, cluster: bool) -> None:
        self.context = replace(self.context, require_grants=cluster, host_ownership=cluster)

    @rule(ref=refs)
    def fail_half_way(self, ref: ObjectRef) -> None:
        """An object that cannot be translated: the cycle fails, and the memo must not remember half of it."""
        broken: Any = type("Broken", (), {"ref": ref})()
        damaged = replace(self.snapshot, resolutions=dict.fromkeys(NAMES_IN_DNS, broken))
        try:
            translate(damaged, self.context, self.memo)
        except AttributeError:
            pass
        else:
            self.last = None

    @invariant()
    def incremental_equals_from_scratch(self) -> None:
        incremental = translate(self.snapshot, self.context, self.memo)
        assert incremental == translate(self.snapshot, self.context)
        if self.last is not None:
            for old, new in zip(parts(self.last), parts(incremental), strict=True):
                for name in old.keys() & new.keys():
                    assert (old[name] is new[name]) == (old[name] == new[name]), name
        self.last = incremental


def parts(translation: Translation) -> list[dict[Any, Any]]:
    model = translation.delivery.model
    routes = {ref: report for ref, report in translation.reports.items() if ref.kind == "Route"}
    return [
        {vhost.host: vhost for vhost in model.virtual_hosts},
        {cluster.name: cluster for cluster in model.clusters},
        {certificate.name: certificate for certificate in model.certificates},
        {bundle.name: bundle for bundle in model.bundles},
        routes,
    ]


TestIncremental = Incremental.TestCase
TestIncremental.settings = settings(max_examples=100, stateful_step_count=20)
