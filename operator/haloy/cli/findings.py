"""Everything that lint finds, put together from the readers, the translation and HAProxy."""

import asyncio
import subprocess
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from haloy.api.conditions import ConditionStatus, ConditionType, Finding, Reason, Report
from haloy.api.snapshot import Place, Rejection, Snapshot, owner_of_files, secret_of_files
from haloy.api.v1alpha1 import Route
from haloy.cli.configuration import configuration
from haloy.cli.lint_rules import (
    BY_REASON,
    INVALID,
    PEM_UNREADABLE,
    PROXY_REFUSED,
    PROXY_WARNED,
    TWICE,
    UNREADABLE,
    LintFinding,
    LintRule,
    Severity,
)
from haloy.cli.offline import context_of, placeholders, read_paths, settings_for, with_addresses
from haloy.cli.places import Places, leading_field
from haloy.cli.verdict import Complaint, verdict
from haloy.model.refs import FieldRef, ObjectRef
from haloy.proxies.haproxy.process.binary import BinaryError, find_binary, inspect
from haloy.proxies.haproxy.render.tokens import UnsafeValueError
from haloy.settings import Settings
from haloy.translate import Translation, translate

_CONSEQUENCES = frozenset(
    {
        Reason.BACKEND_NOT_FOUND,
        Reason.HEALTH_POLICY_NOT_FOUND,
        Reason.SECRET_NOT_FOUND,
        Reason.NOT_ACCEPTED,
        Reason.INVALID_SECRET,
        Reason.CERTIFICATE_INVALID,
    }
)


@dataclass(frozen=True, slots=True)
class Found:
    """`objects`: how many were read. `note`: what could not be looked at, empty if nothing."""

    findings: tuple[LintFinding, ...]
    objects: int
    note: str = ""


def lint_paths(paths: Iterable[Path], config: Path | None, *, ask_haproxy: bool) -> Found:
    """Look at everything below `paths`, for each proxyClass that a Route names, since each is a configuration of its own.

    Raises:
        PathError: a path cannot be read.
        SettingsError: a setting is wrong.
        BinaryError: a setting names an HAProxy that does not run. Without such a setting none need be there.
    """
    chosen = list(paths)
    settings = settings_for(chosen, config)
    snapshot = with_addresses(read_paths(chosen), placeholders)
    classes = {item.spec.proxy_class for item in snapshot.objects.values() if isinstance(item, Route)}
    context = context_of(settings)
    places = Places()
    found = [finding for rejection in snapshot.rejections for finding in _of_rejection(rejection, places)]
    note = ""
    for proxy_class in sorted(classes | {settings.proxy_class}):
        translation = translate(snapshot, replace(context, proxy_class=proxy_class))
        for report in translation.reports.values():
            found += _of_report(report, snapshot, places)
        if ask_haproxy:
            complaints, note = _of_haproxy(translation, settings, snapshot, places)
            found += complaints
    return Found(tuple(sorted(set(found), key=_order)), len(snapshot.objects), note)


def _order(finding: LintFinding) -> tuple[str, int, int, str, str]:
    place = finding.place or Place("~")
    return place.file, place.line, place.column, finding.rule.id, finding.message


def _of_rejection(rejection: Rejection, places: Places) -> Iterator[LintFinding]:
    """One finding for each problem, at the line of its field."""
    ref = owner_of_files(rejection.ref) if rejection.ref is not None else None
    rule = _rule_of(rejection, ref)
    for sentence in rejection.problems:
        field = leading_field(sentence)
        place = places.of_field(rejection.place, ref, field) if field else rejection.place
        message = sentence.removesuffix(f" (line {place.line})")
        yield LintFinding(rule, rule.severity, place, ref, field, message)


def _rule_of(rejection: Rejection, owner: ObjectRef | None) -> LintRule:
    if rejection.ref is None:
        return INVALID if leading_field(rejection.problems[0]) else UNREADABLE
    if owner != rejection.ref:
        return PEM_UNREADABLE
    return TWICE if " is written twice: " in rejection.problems[0] else INVALID


def _of_report(report: Report, snapshot: Snapshot, places: Places) -> Iterator[LintFinding]:
    """One finding a field and reason: that a Secret is missing is said by ResolvedRefs and by CertificateReady."""
    if owner_of_files(report.ref) != report.ref:
        return  # the Route says it too, about the field
    said: set[tuple[Reason, str]] = set()
    rejected = [rejection.ref for rejection in snapshot.rejections if rejection.ref not in (None, *snapshot.objects)]
    for finding in report.findings:
        if (
            is_good(finding)
            or (finding.reason, finding.field) in said
            or _is_consequence(report.ref, finding, rejected)
        ):
            continue
        said.add((finding.reason, finding.field))
        yield _finding(BY_REASON[finding.reason], severity_of(finding), report.ref, finding, snapshot, places)


def is_good(finding: Finding) -> bool:
    """Whether a finding is only information."""
    if finding.reason is Reason.CERTIFICATE_EXPIRING:
        return False
    good = ConditionStatus.FALSE if finding.type is ConditionType.PARTIALLY_INVALID else ConditionStatus.TRUE
    return finding.status is good


def severity_of(finding: Finding) -> Severity:
    """Where the rest of the object works it is a warning, whatever the reason."""
    return Severity.WARNING if finding.type is ConditionType.PARTIALLY_INVALID else BY_REASON[finding.reason].severity


def _is_consequence(route: ObjectRef, finding: Finding, rejected: Collection[ObjectRef | None]) -> bool:
    """Whether what is missing was written and is reported already as wrong."""
    if finding.reason not in _CONSEQUENCES:
        return False
    if finding.field.startswith("spec.tls") and secret_of_files(route) in rejected:
        return True
    return any(f"{ref.kind} {ref.key} " in finding.message for ref in rejected if ref is not None)


def _finding(
    rule: LintRule, severity: Severity, ref: ObjectRef, finding: Finding, snapshot: Snapshot, places: Places
) -> LintFinding:
    place = snapshot.places.get(ref)
    if place is not None:
        place = places.of_field(place, ref, finding.field)
    return LintFinding(rule, severity, place, ref, finding.field, finding.message)


def _of_haproxy(
    translation: Translation, settings: Settings, snapshot: Snapshot, places: Places
) -> tuple[list[LintFinding], str]:
    """HAProxy's complaints, and why it was not asked, if it was not."""
    try:
        binary = find_binary(settings.haproxy)
        asyncio.run(inspect(binary))
        complaints = verdict(binary, configuration(translation.delivery, settings, settings.state_dir))
    except BinaryError as error:
        if settings.haproxy is not None:
            raise
        return [], f"HAProxy itself was not asked: {error}"
    except UnsafeValueError as error:
        return [LintFinding(PROXY_REFUSED, PROXY_REFUSED.severity, None, None, "", str(error))], ""
    except (OSError, subprocess.TimeoutExpired) as error:
        return [], f"HAProxy itself was not asked: {error}"
    return [_of_complaint(complaint, snapshot, places) for complaint in _first_of_each(complaints)], ""


def _first_of_each(complaints: Iterable[Complaint]) -> Iterator[Complaint]:
    """What HAProxy says about a field after its first complaint mostly follows from that."""
    blamed: set[FieldRef] = set()
    for complaint in complaints:
        if complaint.source is None or complaint.source not in blamed:
            yield complaint
        if complaint.source is not None:
            blamed.add(complaint.source)


def _of_complaint(complaint: Complaint, snapshot: Snapshot, places: Places) -> LintFinding:
    rule = PROXY_REFUSED if complaint.fatal else PROXY_WARNED
    message = f"HAProxy says: {complaint.message}"
    if complaint.source is None:
        return LintFinding(rule, rule.severity, None, None, "", message)
    owner, field = owner_of_files(complaint.source.ref), complaint.source.field
    place = snapshot.places.get(complaint.source.ref)
    if place is not None:
        place = places.of_field(place, owner, field)
    return LintFinding(rule, rule.severity, place, owner, field, message)
