"""HealthPolicy → HealthCheck."""

from haloy.api.conditions import Finding, Reason
from haloy.api.v1alpha1 import Backend, HealthPolicy
from haloy.model.filters import Header
from haloy.model.health import GrpcCheck, HealthCheck, HttpCheck, OnError, PassiveCheck, TcpCheck
from haloy.model.refs import ObjectRef
from haloy.translate.reads import Reads
from haloy.translate.references import resolve_ref, unresolved

FIELD = "spec.healthPolicy"


def policy_ref(backend: Backend) -> ObjectRef | None:
    """The HealthPolicy that a Backend names, whether it exists or not; None if it names none."""
    name = backend.spec.health_policy
    return None if name is None else ObjectRef("HealthPolicy", backend.ref.namespace, name)


def check_of(backend: Backend, reads: Reads, default: HealthCheck) -> tuple[HealthCheck, tuple[Finding, ...]]:
    """The check for `backend`: its policy's, or `default` when it names none or one that cannot be used."""
    ref = policy_ref(backend)
    if ref is None:
        return default, ()
    consequence = "The built-in TCP check is used; create the policy, or correct the name."
    policy = resolve_ref(reads, backend.ref, FIELD, ref, require_grants=True, consequence=consequence)
    if isinstance(policy, Finding):
        return default, (policy,)
    if reads.refused(ref):
        message = (
            f"{FIELD}: HealthPolicy {ref.key} is refused by the proxy, see its status. The built-in check is used."
        )
        return default, (unresolved(Reason.NOT_ACCEPTED, message, FIELD),)
    assert isinstance(policy, HealthPolicy)
    return health_check(policy), ()


def health_check(policy: HealthPolicy) -> HealthCheck:
    """A valid HealthPolicy as the Model has it."""
    spec = policy.spec
    passive = spec.passive
    return HealthCheck(
        kind=_kind(policy),
        interval=spec.interval,
        timeout=spec.timeout,
        fall=spec.unhealthy_threshold,
        rise=spec.healthy_threshold,
        slow_start=spec.slow_start,
        start_unhealthy=spec.start_unhealthy,
        passive=PassiveCheck(passive.consecutive_errors, OnError(passive.on_error)) if passive is not None else None,
        source=policy.ref,
    )


def _kind(policy: HealthPolicy) -> HttpCheck | TcpCheck | GrpcCheck:
    """The schema allows exactly one of the three."""
    if policy.spec.grpc is not None:
        return GrpcCheck(policy.spec.grpc.service)
    http = policy.spec.http
    if http is None:
        return TcpCheck()
    return HttpCheck(
        path=http.path,
        method=http.method,
        host=http.host,
        headers=tuple(Header(header.name, header.value) for header in http.headers),
        statuses=http.statuses,
        expected_body=http.expected_body,
    )
