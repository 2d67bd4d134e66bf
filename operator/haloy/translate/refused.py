"""What the proxy itself refused, by object."""

from collections.abc import Mapping

from haloy.api.conditions import ConditionStatus, ConditionType, Finding, Reason
from haloy.model.refs import FieldRef, ObjectRef

Complaints = tuple[tuple[str, str], ...]
"""(field, the proxy's words), sorted; field "" is the object as a whole."""


def by_object(excluded: Mapping[ObjectRef | FieldRef, str]) -> dict[ObjectRef, Complaints]:
    """The proxy's complaints by object; the field is empty where one is about the whole object."""
    found: dict[ObjectRef, list[tuple[str, str]]] = {}
    for source, words in excluded.items():
        ref, field = (source.ref, source.field) if isinstance(source, FieldRef) else (source, "")
        found.setdefault(ref, []).append((field, words))
    return {ref: tuple(sorted(complaints)) for ref, complaints in found.items()}


def refused_findings(complaints: Complaints) -> tuple[Finding, ...]:
    """The object is left out as a whole: it is neither accepted nor programmed."""
    words = " ".join(_sentence(field, said, "the whole object is left out") for field, said in complaints)
    field = complaints[0][0]
    return (
        Finding(ConditionType.ACCEPTED, ConditionStatus.FALSE, Reason.PROXY_REFUSED, words, field),
        Finding(ConditionType.PROGRAMMED, ConditionStatus.FALSE, Reason.PROXY_REFUSED, words, field),
    )


def refused_part(field: str, words: str, consequence: str) -> Finding:
    """A part of a Route is not served as written ("this match is left out"), the rest is."""
    return Finding(
        ConditionType.PARTIALLY_INVALID,
        ConditionStatus.TRUE,
        Reason.PROXY_REFUSED,
        _sentence(field, words, consequence),
        field,
    )


def _sentence(field: str, words: str, consequence: str) -> str:
    where = f"{field}: the" if field else "The"
    return f'{where} proxy refuses it with "{words.rstrip(".")}"; {consequence} until it is changed.'
