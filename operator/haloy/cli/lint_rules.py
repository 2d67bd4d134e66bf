"""The kinds of findings of `haloy lint`, in one table, and what one finding says."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from haloy.api.conditions import Reason
from haloy.model.refs import ObjectRef
from haloy.text import printable

if TYPE_CHECKING:
    from haloy.api.snapshot import Place


class Severity(StrEnum):
    """As SARIF has it. An error: something does not work as written. A warning: the rest of the object works."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class LintRule:
    """One kind of finding. `id` never changes its meaning; a rule that is dropped leaves its number unused."""

    id: str
    name: str
    description: str
    severity: Severity = Severity.ERROR


UNREADABLE = LintRule(
    "HLY0101", "UnreadableFile", "A file or a document cannot be read: syntax, encoding, permissions."
)
INVALID = LintRule("HLY0102", "InvalidObject", "An object breaks a rule of its kind; it is left out.")
TWICE = LintRule("HLY0103", "WrittenTwice", "An object is written twice; the first one counts.")
PEM_UNREADABLE = LintRule(
    "HLY0104", "UnreadableCertificateFile", "A file that a Route names (crtFile, keyFile) cannot be read."
)
PROXY_REFUSED = LintRule("HLY0601", "ProxyRefused", "HAProxy refuses the configuration that the files come to.")
PROXY_WARNED = LintRule("HLY0602", "ProxyWarned", "HAProxy warns about what an object comes to.", Severity.WARNING)

_WARNING = Severity.WARNING
BY_REASON: dict[Reason, LintRule] = {
    Reason.BACKEND_NOT_FOUND: LintRule("HLY0201", "BackendNotFound", "A Route names a Backend that does not exist."),
    Reason.HEALTH_POLICY_NOT_FOUND: LintRule(
        "HLY0202", "HealthPolicyNotFound", "A Backend names a HealthPolicy that does not exist."
    ),
    Reason.SECRET_NOT_FOUND: LintRule("HLY0203", "SecretNotFound", "An object names a Secret that does not exist."),
    Reason.REF_NOT_PERMITTED: LintRule(
        "HLY0204", "RefNotPermitted", "An object of another namespace does not allow that it is referred to."
    ),
    Reason.NOT_ACCEPTED: LintRule("HLY0205", "NotUsable", "An object names one that cannot be used."),
    Reason.SERVICE_NOT_AVAILABLE: LintRule(
        "HLY0206", "ServiceNotAvailable", "A Backend names a Service, which exists only in Kubernetes.", _WARNING
    ),
    Reason.CONFLICTED: LintRule("HLY0301", "Conflicted", "Two Routes contradict each other; one of them loses."),
    Reason.HOST_CLAIMED: LintRule("HLY0302", "HostClaimed", "A host belongs to another namespace."),
    Reason.MATCH_CONFLICT: LintRule(
        "HLY0303", "MatchConflict", "Two Routes have the same match; one of them loses it.", _WARNING
    ),
    Reason.UNSUPPORTED_VALUE: LintRule("HLY0304", "UnsupportedValue", "A value is beyond what the fleet supports."),
    Reason.PARTIALLY_INVALID: LintRule("HLY0305", "PartiallyInvalid", "A part of an object is left out.", _WARNING),
    Reason.INVALID: LintRule("HLY0306", "NothingLeft", "Nothing is left of an object."),
    Reason.INVALID_SECRET: LintRule("HLY0401", "InvalidSecret", "A Secret holds no certificate that can be used."),
    Reason.CERTIFICATE_INVALID: LintRule("HLY0402", "CertificateInvalid", "A certificate cannot be served."),
    Reason.CERTIFICATE_EXPIRED: LintRule("HLY0403", "CertificateExpired", "A certificate has expired."),
    Reason.CERTIFICATE_NOT_YET_VALID: LintRule("HLY0404", "CertificateNotYetValid", "A certificate is not valid yet."),
    Reason.CERTIFICATE_HOST_MISMATCH: LintRule(
        "HLY0405", "CertificateHostMismatch", "A certificate does not name a host that it is to be served for."
    ),
    Reason.CERTIFICATE_EXPIRING: LintRule(
        "HLY0406", "CertificateExpiring", "A certificate expires within 14 days.", _WARNING
    ),
    Reason.ISSUER_UNAVAILABLE: LintRule("HLY0407", "IssuerUnavailable", "Nobody here can issue the certificate."),
    Reason.PROXY_REFUSED: PROXY_REFUSED,
}
"""Every reason that translation may give for something that is not good. Test: it is complete."""

RULES: tuple[LintRule, ...] = tuple(
    sorted({UNREADABLE, INVALID, TWICE, PEM_UNREADABLE, PROXY_WARNED, *BY_REASON.values()}, key=lambda rule: rule.id)
)


@dataclass(frozen=True, slots=True)
class LintFinding:
    """One thing to mend. `place` names the file as it can be opened from here; `ref` None: a whole file, or HAProxy's own
    words about nobody's object. `field` is the path as in the manifest, empty: the object as a whole."""

    rule: LintRule
    severity: Severity
    place: "Place | None"
    ref: ObjectRef | None
    field: str
    message: str

    def __str__(self) -> str:
        head = f"{self.place}: " if self.place is not None else ""
        about = f"{self.ref}: " if self.ref is not None else ""
        first, *rest = self.message.splitlines() or [""]
        line = printable(f"{head}{self.severity} {self.rule.id} {about}{first}")
        return "\n    ".join([line, *map(printable, rest)])

    def to_json(self) -> dict[str, object]:
        place = self.place
        return {
            "rule": self.rule.id,
            "name": self.rule.name,
            "severity": self.severity.value,
            "file": place.file if place is not None else "",
            "line": place.line if place is not None else 0,
            "column": place.column if place is not None else 0,
            "object": str(self.ref or ""),
            "field": self.field,
            "message": self.message,
        }
