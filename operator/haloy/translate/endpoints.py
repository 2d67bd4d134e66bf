"""Addresses of a Backend → Endpoints."""

from haloy.api.conditions import ConditionStatus, ConditionType, Finding, Reason
from haloy.api.v1alpha1 import Backend
from haloy.api.v1alpha1.backend import Endpoint as ApiEndpoint
from haloy.api.v1alpha1.host import is_ip
from haloy.model.cluster import Endpoint
from haloy.translate.reads import Reads
from haloy.translate.references import unresolved


def endpoints_of(backend: Backend, reads: Reads) -> tuple[tuple[Endpoint, ...], tuple[Finding, ...]]:
    """The endpoints, unique by (address, port) and sorted, and what could not be resolved.

    Where two entries of the user's list lead to the same endpoint the first one counts.
    """
    if backend.spec.service is not None:
        service = backend.spec.service
        message = (
            f"spec.service: Service {service.name} cannot be looked up, since haloy runs without Kubernetes here. "
            "Requests answer 503; list the servers in spec.endpoints instead."
        )
        return (), (unresolved(Reason.SERVICE_NOT_AVAILABLE, message, "spec.service"),)
    found: dict[tuple[str, int], Endpoint] = {}
    findings: list[Finding] = []
    for position, item in enumerate(backend.spec.endpoints):
        hostname = None if is_ip(item.address) else item.address
        addresses, finding = ((item.address,), None) if hostname is None else _resolve(item, position, reads)
        for address in addresses:
            found.setdefault(
                (address, item.port),
                Endpoint(address, item.port, item.weight, backup=item.backup, hostname=hostname, position=position),
            )
        findings += [finding] if finding is not None else []
    return tuple(found[key] for key in sorted(found)), tuple(findings)


def _resolve(item: ApiEndpoint, position: int, reads: Reads) -> tuple[tuple[str, ...], Finding | None]:
    field = f"spec.endpoints[{position}].address"
    answer = reads.resolution(item.address)
    if answer is None:
        message = f"{field}: {item.address} has not been looked up yet; it gets no traffic until then."
        return (), unresolved(Reason.ADDRESS_NOT_RESOLVED, message, field)
    if answer.error is None and answer.addresses:
        return answer.addresses, None
    why = answer.error or "the name has no address"
    if not answer.addresses:
        message = (
            f"{field}: {item.address} does not resolve ({why}); it gets no traffic. "
            "Correct the name, or its record in DNS; the other endpoints are in use."
        )
        return (), unresolved(Reason.ADDRESS_NOT_RESOLVED, message, field)
    message = f"{field}: the last look-up of {item.address} failed ({why}); its last known addresses stay in use."
    return answer.addresses, Finding(
        ConditionType.RESOLVED_REFS, ConditionStatus.TRUE, Reason.RESOLVED_REFS, message, field
    )
