"""From a parsed v1 Secret to a TlsSecret, without a word of its content in any message."""

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from haloy.api.messages import one_of, problems_of, unknown_field
from haloy.api.problems import InvalidObject, Problem, shown
from haloy.api.v1alpha1.base import Metadata
from haloy.api.v1alpha1.secret import OPAQUE_TYPE, TLS_TYPE, TlsSecret
from haloy.model.refs import ObjectRef
from haloy.model.secret import SecretBytes

MAX_SIZE = 1024 * 1024
"""Bytes of one entry; Kubernetes' own limit for a whole Secret."""
_FIELDS = ("apiVersion", "kind", "metadata", "type", "data", "stringData", "immutable")
_ENTRIES = ("tls.crt", "tls.key", "ca.crt")


def read_secret(document: dict[str, Any]) -> TlsSecret:
    """Read a v1 Secret. `stringData` goes before `data`, as at the API server; entries that haloy does not use are
    ignored.

    Raises:
        InvalidObject: with all problems. None of them shows a value out of the Secret.
    """
    problems = [unknown_field(shown(key).strip('"'), key, _FIELDS) for key in document if key not in _FIELDS]
    head: Metadata | None = None
    try:
        head = Metadata.model_validate(document.get("metadata") or {})
    except ValidationError as error:
        problems += [item.below("metadata") for item in problems_of(Metadata, error.errors(include_url=False))]
    kind = document.get("type", OPAQUE_TYPE)
    if kind not in (TLS_TYPE, OPAQUE_TYPE):
        problems.append(Problem("type", shown(kind), one_of((TLS_TYPE, OPAQUE_TYPE), kind)))
    entries: dict[str, SecretBytes] = {}
    for item in (*_entries(document, "data"), *_entries(document, "stringData")):
        if isinstance(item, Problem):
            problems.append(item)
        else:
            entries[item[0]] = item[1]
    needed = ("tls.crt", "tls.key") if kind == TLS_TYPE else ("ca.crt",)
    if not problems:
        problems += [
            Problem("data", "", f"a Secret of type {kind} needs the entry {name}; add it")
            for name in needed
            if name not in entries
        ]
    ref = None if head is None else ObjectRef("Secret", head.namespace, head.name)
    if problems or head is None or ref is None:
        raise InvalidObject(ref, tuple(problems))
    parts = {"certificate": entries.get("tls.crt"), "key": entries.get("tls.key"), "ca": entries.get("ca.crt")}
    return TlsSecret(ref, **parts, type=str(kind), generation=head.generation, created=head.creation_timestamp)


def _entries(document: dict[str, Any], field: str) -> Iterator[tuple[str, SecretBytes] | Problem]:
    values = document.get(field)
    if values is None:
        return
    if not isinstance(values, dict):
        yield Problem(field, "", "the value is not a mapping; write name: content, one to a line")
        return
    for name in _ENTRIES:
        if values.get(name) is None:
            continue
        path = f'{field}["{name}"]'
        try:
            content = _content(values[name], encoded=field == "data")
        except ValueError as error:
            yield Problem(path, "", str(error))
        else:
            yield name, SecretBytes(content)


def _content(value: object, *, encoded: bool) -> bytes:
    if not isinstance(value, str):
        raise ValueError("the value is not text; write it in quotes or as a block with |")
    if len(value) > 2 * MAX_SIZE:
        raise ValueError(f"the value is too long; at most {MAX_SIZE} bytes are allowed")
    try:
        content = base64.b64decode("".join(value.split()), validate=True) if encoded else value.encode()
    except (binascii.Error, UnicodeError) as error:
        remedy = "put PEM text under stringData, or encode it with base64" if encoded else "save the file as UTF-8"
        raise ValueError(f"the value cannot be decoded; {remedy}") from error
    if not content or len(content) > MAX_SIZE:
        raise ValueError(f"the value must have 1 to {MAX_SIZE} bytes")
    return content
