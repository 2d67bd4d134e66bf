"""Which documents of a directory are haloy's, and which belong to others: a GitOps folder may be served as it is."""

from enum import Enum
from typing import Any

from haloy.api.v1alpha1.base import GROUP
from haloy.api.v1alpha1.secret import OPAQUE_TYPE, TLS_TYPE
from haloy.text import did_you_mean

KINDS = ("Route", "Backend", "HealthPolicy")


class Owner(Enum):
    """`OURS` is to be read; `FOREIGN` is to be passed over."""

    OURS = "ours"
    FOREIGN = "foreign"


def owner_of(document: Any) -> Owner:
    """Judged by API group first, because several projects have a kind named Route or Backend.

    When in doubt it is haloy's, so that a misspelt object is reported and not passed over.
    """
    if not isinstance(document, dict):
        return Owner.OURS
    version, kind = document.get("apiVersion"), document.get("kind")
    if kind == "Secret" and version in ("v1", None):
        return Owner.OURS if _is_of_use(document) else Owner.FOREIGN
    if not isinstance(version, str):
        return Owner.OURS if kind is not None or "spec" in document or version is not None else Owner.FOREIGN
    group, slash, _ = version.partition("/")
    if not slash:
        return Owner.OURS if _is_close(kind, (*KINDS, "Secret")) else Owner.FOREIGN
    return Owner.OURS if _is_close(group, (GROUP,)) else Owner.FOREIGN


def name_of(document: Any) -> str:
    """What a document that is passed over calls itself, on one line and cut short."""
    kind = document.get("kind") if isinstance(document, dict) else None
    return repr(kind[:60])[1:-1] if isinstance(kind, str) and kind else "no kind"


def is_list(document: Any) -> bool:
    """Whether it is the `kind: List` that kubectl writes for several objects."""
    return isinstance(document, dict) and document.get("kind") == "List" and isinstance(document.get("items"), list)


def _is_of_use(secret: dict[Any, Any]) -> bool:
    """A certificate, or a CA bundle; Secrets for other purposes are nobody's business here."""
    kind = secret.get("type", OPAQUE_TYPE)
    if kind == TLS_TYPE:
        return True
    if kind != OPAQUE_TYPE:
        return isinstance(kind, str) and _is_close(kind, (TLS_TYPE,))
    entries = [secret.get(part) for part in ("data", "stringData")]
    return any(isinstance(part, dict) and "ca.crt" in part for part in entries)


def _is_close(word: object, options: tuple[str, ...]) -> bool:
    return isinstance(word, str) and (word in options or did_you_mean(word, options) is not None)
