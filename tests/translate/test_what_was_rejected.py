"""What is written but not valid is not called absent, and a certificate whose files cannot be read is a condition."""

import pytest

from haloy.api.conditions import ConditionStatus, ConditionType, Finding, Reason, Report
from haloy.api.snapshot import Object, Place, Rejection, Snapshot, secret_of_files
from haloy.model.refs import ObjectRef
from haloy.translate import Memo, translate
from tests.translate.certs import issue, secret
from tests.translate.world import backend, context, route, snapshot

ROUTE = ObjectRef("Route", "web", "shop")
FILES = secret_of_files(ROUTE)
PLACE = Place("routes.yaml", 1)
GONE = "spec.tls.keyFile: tls/shop.key cannot be read: No such file or directory"
TO_SHOP = {"hosts": ["shop.example"], "rules": [{"backendRefs": [{"name": "shop"}]}]}
WITH_FILES = {**TO_SHOP, "tls": {"crtFile": "tls/shop.crt", "keyFile": "tls/shop.key"}}


def world(*objects: Object, rejections: tuple[Rejection, ...] = ()) -> Snapshot:
    return snapshot(objects, rejections=rejections)


def found(report: Report, type: ConditionType) -> Finding:
    [one] = [one for one in report.findings if one.type is type]
    return one


def test_a_backend_that_is_not_valid_is_not_called_absent() -> None:
    rejected = Rejection(PLACE, ("spec.endpoints: 0 items; at least 1",), ObjectRef("Backend", "web", "shop"))
    report = translate(world(route("shop", TO_SHOP), rejections=(rejected,)), context()).reports[ROUTE]
    refs = found(report, ConditionType.RESOLVED_REFS)
    assert (refs.status, refs.reason) == (ConditionStatus.FALSE, Reason.NOT_ACCEPTED)
    assert refs.message == (
        "spec.rules[0].backendRefs[0]: Backend web/shop is not valid, see its own status. "
        "Requests for this rule answer 500."
    )


def test_a_backend_that_becomes_valid_or_goes_is_noticed() -> None:
    memo, shop = Memo(), route("shop", TO_SHOP)
    rejected = Rejection(PLACE, ("bad",), ObjectRef("Backend", "web", "shop"))
    for rejections, reason in (((), Reason.BACKEND_NOT_FOUND), ((rejected,), Reason.NOT_ACCEPTED)) * 2:
        report = translate(world(shop, rejections=rejections), context(), memo).reports[ROUTE]
        assert found(report, ConditionType.RESOLVED_REFS).reason is reason


def test_files_that_can_no_longer_be_read_leave_the_certificate_and_are_named() -> None:
    held = secret(FILES.name, issue("shop.example"))
    objects = (route("shop", WITH_FILES), backend("shop"), held)
    memo = Memo()
    good = translate(world(*objects), context(), memo)
    assert found(good.reports[ROUTE], ConditionType.CERTIFICATE_READY).status is ConditionStatus.TRUE
    bad = translate(world(*objects, rejections=(Rejection(PLACE, (GONE,), FILES, kept=True),)), context(), memo)
    ready = found(bad.reports[ROUTE], ConditionType.CERTIFICATE_READY)
    assert (ready.status, ready.reason) == (ConditionStatus.FALSE, Reason.CERTIFICATE_INVALID)
    assert ready.message == f"{GONE}; the previous certificate stays in use, valid until 2026-08-30 12:00 UTC."
    assert bad.delivery == good.delivery


def test_files_that_never_could_be_read_are_named_too() -> None:
    rejected = Rejection(PLACE, (GONE,), FILES)
    report = translate(world(route("shop", WITH_FILES), rejections=(rejected,)), context()).reports[ROUTE]
    ready = found(report, ConditionType.CERTIFICATE_READY)
    assert ready.reason is Reason.CERTIFICATE_INVALID
    assert ready.message == f"{GONE}; the self-signed certificate is served instead."


def test_a_secret_that_nobody_wrote_shows_nowhere() -> None:
    wants = {**TO_SHOP, "tls": {"secretName": "none"}}
    objects = (
        route("shop", WITH_FILES),
        route("other", {**wants, "hosts": ["b.example"]}),
        secret(FILES.name, issue("shop.example")),
    )
    reports = translate(world(*objects), context()).reports
    assert FILES not in reports
    assert FILES.name not in str([report.findings for report in reports.values()])


@pytest.mark.parametrize(("weights", "told"), [((0, 0), True), ((0, 1), False)])
def test_a_rule_without_any_weight_is_told(weights: tuple[int, int], told: bool) -> None:
    refs = [{"name": name, "weight": weight} for name, weight in zip(("shop", "spare"), weights, strict=True)]
    spec = {"hosts": ["shop.example"], "rules": [{"backendRefs": refs}]}
    report = translate(world(route("shop", spec), backend("shop"), backend("spare")), context()).reports[ROUTE]
    partial = [one for one in report.findings if one.type is ConditionType.PARTIALLY_INVALID]
    assert ["all weights of spec.rules[0] are 0: its requests answer 500" in one.message for one in partial] == (
        [True] if told else []
    )
    assert ConditionType.RESOLVED_REFS not in {one.type for one in report.findings}
