from haloy.api.conditions import ConditionStatus, ConditionType, Finding, Reason
from haloy.cli.findings import is_good, severity_of
from haloy.cli.lint_rules import BY_REASON, RULES, Severity

NO_FINDING = {
    Reason.ACCEPTED,
    Reason.RESOLVED_REFS,
    Reason.ADDRESS_NOT_RESOLVED,
    Reason.PROGRAMMED,
    Reason.PENDING,
    Reason.NO_PROXIES,
    Reason.ALL_HEALTHY,
    Reason.SOME_UNHEALTHY,
    Reason.NONE_HEALTHY,
    Reason.HEALTH_UNKNOWN,
    Reason.NO_ENDPOINTS,
    Reason.CERTIFICATE_SERVED,
    Reason.SELF_SIGNED,
    Reason.READY,
    Reason.NOT_READY,
    Reason.RECONCILED,
}
"""Good news, and what only the network or a running proxy can tell."""


def test_every_reason_has_a_rule_or_is_no_finding() -> None:
    assert set(BY_REASON) | NO_FINDING == set(Reason)
    assert set(BY_REASON).isdisjoint(NO_FINDING)


def test_ids_and_names_are_unique_and_in_order() -> None:
    ids = [rule.id for rule in RULES]
    assert ids == sorted(set(ids))
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_a_certificate_that_expires_soon_is_a_warning_though_it_is_ready() -> None:
    finding = Finding(ConditionType.CERTIFICATE_READY, ConditionStatus.TRUE, Reason.CERTIFICATE_EXPIRING, "soon")
    assert not is_good(finding)
    assert severity_of(finding) is Severity.WARNING


def test_what_leaves_the_rest_working_is_a_warning() -> None:
    partly = Finding(ConditionType.PARTIALLY_INVALID, ConditionStatus.TRUE, Reason.CONFLICTED, "one host")
    wholly = Finding(ConditionType.ACCEPTED, ConditionStatus.FALSE, Reason.CONFLICTED, "all of it")
    assert severity_of(partly) is Severity.WARNING
    assert severity_of(wholly) is Severity.ERROR


def test_a_condition_that_is_as_it_should_be_is_good() -> None:
    assert is_good(Finding(ConditionType.ACCEPTED, ConditionStatus.TRUE, Reason.ACCEPTED, "fine"))
    assert is_good(Finding(ConditionType.PARTIALLY_INVALID, ConditionStatus.FALSE, Reason.ACCEPTED, "fine"))
