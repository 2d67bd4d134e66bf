"""From a parsed document to an object of the API, or to everything that is wrong with it."""

import re
from typing import Any

from pydantic import ValidationError

from haloy.api.messages import one_of, problems_of
from haloy.api.problems import InvalidObject, Problem, shown
from haloy.api.secrets import read_secret
from haloy.api.v1alpha1 import Backend, HealthPolicy, Route, TlsSecret
from haloy.api.v1alpha1.base import API_VERSION
from haloy.api.v1alpha1.patterns import LABEL, SUBDOMAIN
from haloy.model.refs import ObjectRef

__all__ = ["InvalidObject", "Problem", "load_object", "ref_of"]

_MODELS: dict[str, type[Route] | type[Backend] | type[HealthPolicy]] = {
    "Route": Route,
    "Backend": Backend,
    "HealthPolicy": HealthPolicy,
}
_VERSIONS = {**dict.fromkeys(_MODELS, API_VERSION), "Secret": "v1"}


def load_object(document: object) -> Route | Backend | HealthPolicy | TlsSecret:
    """Read one parsed YAML or JSON document.

    Raises:
        InvalidObject: with all problems at once. Those that concern several fields are looked for in the parts whose
            own fields are right.
    """
    if not isinstance(document, dict):
        text = "an object is a mapping with apiVersion, kind, metadata and spec"
        raise InvalidObject(None, (Problem("", shown(document), f"is not an object: {text}"),))
    ref = ref_of(document)
    problems = _type_problems(document)
    if problems:
        raise InvalidObject(ref, problems)
    kind = document["kind"]
    if kind == "Secret":
        return read_secret(document)
    model = _MODELS[kind]
    try:
        return model.model_validate(document)
    except ValidationError as error:
        found = problems_of(model, error.errors(include_url=False))
    raise InvalidObject(ref, found)


def ref_of(document: dict[Any, Any]) -> ObjectRef | None:
    """Which object the document means, as far as that can be told: None if kind or name is unusable."""
    kind, metadata = document.get("kind"), document.get("metadata")
    if not isinstance(kind, str) or kind not in _VERSIONS or not isinstance(metadata, dict):
        return None
    name, namespace = metadata.get("name"), metadata.get("namespace", "default")
    if not _is_name(name, SUBDOMAIN, 253) or not _is_name(namespace, LABEL, 63):
        return None
    return ObjectRef(kind, str(namespace), str(name))


def _is_name(value: object, pattern: str, longest: int) -> bool:
    return isinstance(value, str) and len(value) <= longest and re.fullmatch(pattern, value) is not None


def _type_problems(document: dict[Any, Any]) -> tuple[Problem, ...]:
    """Whether apiVersion and kind are ones that haloy knows; without them nothing else can be judged."""
    kind, version = document.get("kind"), document.get("apiVersion")
    if kind is None:
        return (Problem("kind", "", f'required field "kind" is missing: write one of {", ".join(_VERSIONS)}'),)
    if not isinstance(kind, str) or kind not in _VERSIONS:
        return (Problem("kind", shown(kind), one_of(tuple(_VERSIONS), kind)),)
    if version is None:
        return (
            Problem("apiVersion", "", f'required field "apiVersion" is missing: write apiVersion: {_VERSIONS[kind]}'),
        )
    if version != _VERSIONS[kind]:
        return (
            Problem(
                "apiVersion", shown(version), f"is not the version of {kind} that haloy knows; write {_VERSIONS[kind]}"
            ),
        )
    return ()
