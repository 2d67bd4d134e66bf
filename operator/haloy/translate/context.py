"""What translation is told beside the objects, and what it gives back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from haloy.api.conditions import Report
from haloy.model.health import HealthCheck, TcpCheck
from haloy.model.listener import Fleet
from haloy.model.model import Bundle, Certificate, Delivery, Material
from haloy.model.refs import FieldRef, ObjectRef

DEFAULT_CHECK = HealthCheck(TcpCheck())
"""The built-in check of a Backend without HealthPolicy."""


@dataclass(frozen=True, slots=True)
class RetainedCertificate:
    """A certificate that was served before; it stays served while the Secret holds a worse one or none."""

    certificate: Certificate
    material: Material


@dataclass(frozen=True, slots=True)
class RetainedBundle:
    """CA certificates that were in use before; they stay in use while the Secret holds none that can be read."""

    bundle: Bundle
    material: Material


@dataclass(frozen=True, slots=True)
class Context:
    """`now` is aware and in UTC. `retained` and `retained_bundles` are keyed by name (`namespace/secret-name`).

    `excluded`: objects or fields that the proxy refused, with its words; they are left out. `require_grants`: a Route
    needs the Backend's consent (allowedRoutes) to cross namespaces. `host_ownership`: a host belongs to the namespace
    of its oldest Route. Both are for clusters; in a directory all files are one person's.
    `max_regexes_each`: regular expressions that the Routes of a namespace may have, `max_regexes`: those of all. Each costs every
    request with conditions about 0.15 microseconds.
    """

    fleet: Fleet
    now: datetime
    proxy_class: str = "default"
    retained: Mapping[str, RetainedCertificate] = field(default_factory=dict)
    retained_bundles: Mapping[str, RetainedBundle] = field(default_factory=dict)
    excluded: Mapping[ObjectRef | FieldRef, str] = field(default_factory=dict)
    require_grants: bool = False
    host_ownership: bool = False
    default_check: HealthCheck = DEFAULT_CHECK
    max_regexes_each: int = 100
    max_regexes: int = 500


@dataclass(frozen=True, slots=True)
class Translation:
    """The Model with its secrets, and what was found out about every object of the fleet. `reports` are sorted by ref if nothing was known
    before; with a memo new ones come last."""

    delivery: Delivery
    reports: Mapping[ObjectRef, Report]


def retained_certificates(delivery: Delivery) -> dict[str, RetainedCertificate]:
    """What `Context.retained` is to be after `delivery` went live."""
    return {
        certificate.name: RetainedCertificate(certificate, delivery.materials[certificate.digest])
        for certificate in delivery.model.certificates
    }


def retained_bundles(delivery: Delivery) -> dict[str, RetainedBundle]:
    """What `Context.retained_bundles` is to be after `delivery` went live."""
    return {bundle.name: RetainedBundle(bundle, delivery.materials[bundle.digest]) for bundle in delivery.model.bundles}
