"""Conditions and their reasons: every word a status may say.

Types and reasons are the Gateway API's where it has one (v1 HTTPRoute, Gateway, policies); the rest are haloy's.
"""

from dataclasses import dataclass
from enum import StrEnum

from haloy.model.refs import ObjectRef


class ConditionType(StrEnum):
    """What a condition is about."""

    ACCEPTED = "Accepted"
    PARTIALLY_INVALID = "PartiallyInvalid"
    RESOLVED_REFS = "ResolvedRefs"
    PROGRAMMED = "Programmed"
    HEALTHY = "Healthy"
    CERTIFICATE_READY = "CertificateReady"
    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"


class ConditionStatus(StrEnum):
    """As in Kubernetes; True is good for every type but PartiallyInvalid."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Reason(StrEnum):
    """Why a condition is as it is, in one word for programs; the message has it in words for people."""

    ACCEPTED = "Accepted"
    INVALID = "Invalid"
    """The object breaks a rule of its schema; its last valid version, if any, stays in force."""
    CONFLICTED = "Conflicted"
    HOST_CLAIMED = "HostClaimed"
    PARTIALLY_INVALID = "PartiallyInvalid"
    MATCH_CONFLICT = "MatchConflict"
    UNSUPPORTED_VALUE = "UnsupportedValue"
    RESOLVED_REFS = "ResolvedRefs"
    BACKEND_NOT_FOUND = "BackendNotFound"
    HEALTH_POLICY_NOT_FOUND = "HealthPolicyNotFound"
    SECRET_NOT_FOUND = "SecretNotFound"
    INVALID_SECRET = "InvalidSecret"
    REF_NOT_PERMITTED = "RefNotPermitted"
    ADDRESS_NOT_RESOLVED = "AddressNotResolved"
    SERVICE_NOT_AVAILABLE = "ServiceNotAvailable"
    PROGRAMMED = "Programmed"
    PENDING = "Pending"
    PROXY_REFUSED = "ProxyRefused"
    NO_PROXIES = "NoProxies"
    NOT_ACCEPTED = "NotAccepted"
    ALL_HEALTHY = "AllHealthy"
    SOME_UNHEALTHY = "SomeUnhealthy"
    NONE_HEALTHY = "NoneHealthy"
    HEALTH_UNKNOWN = "HealthUnknown"
    NO_ENDPOINTS = "NoEndpoints"
    CERTIFICATE_SERVED = "CertificateServed"
    SELF_SIGNED = "SelfSigned"
    CERTIFICATE_INVALID = "CertificateInvalid"
    CERTIFICATE_EXPIRED = "CertificateExpired"
    CERTIFICATE_NOT_YET_VALID = "CertificateNotYetValid"
    CERTIFICATE_HOST_MISMATCH = "CertificateHostMismatch"
    CERTIFICATE_EXPIRING = "CertificateExpiring"
    ISSUER_UNAVAILABLE = "IssuerUnavailable"
    READY = "Ready"
    NOT_READY = "NotReady"
    RECONCILED = "Reconciled"


@dataclass(frozen=True, slots=True)
class Finding:
    """A judgement about one object, recorded where the check is made.

    `message` names field, value, expectation and remedy. `status` is the status of `type`.
    """

    type: ConditionType
    status: ConditionStatus
    reason: Reason
    message: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What translation found out about one object, and what of the Model it contributes to.

    No finding of a type means: nothing is wrong as far as translation can see. `hosts` and `clusters` are the units of the
    Model (host, cluster name) that must be programmed for the object to be; `certificates` their names.
    """

    ref: ObjectRef
    generation: int
    findings: tuple[Finding, ...] = ()
    hosts: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
