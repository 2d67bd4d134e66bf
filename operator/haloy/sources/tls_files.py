"""A Route's `tls.crtFile` and `tls.keyFile` as the Secret that they stand for."""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from haloy.api.load import InvalidObject, load_object
from haloy.api.secrets import MAX_SIZE
from haloy.api.snapshot import Rejection, secret_of_files
from haloy.api.v1alpha1 import Route
from haloy.api.v1alpha1.secret import TLS_TYPE
from haloy.model.refs import ObjectRef
from haloy.sources.manifest import Manifest, ReadObject
from haloy.sources.tree import Signature


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The Secrets of one manifest's Routes. `seen`: the files they came from, as they were; None: there was none."""

    secrets: Mapping[ObjectRef, ReadObject] = field(default_factory=dict)
    rejections: tuple[Rejection, ...] = ()
    seen: Mapping[Path, Signature | None] = field(default_factory=dict)

    def changed(self) -> bool:
        """Whether any of the files is not as it was."""
        return any(signature_of(path) != signature for path, signature in self.seen.items())


def read_tls_files(manifest: Manifest, folder: Path, before: Mapping[ObjectRef, ReadObject]) -> TlsFiles:
    """Read what the Routes of a manifest in `folder` name. A Secret that cannot be read stays as it was `before`.

    Whether certificate and key fit together is not judged here.
    """
    secrets: dict[ObjectRef, ReadObject] = {}
    rejections: list[Rejection] = []
    seen: dict[Path, Signature | None] = {}
    for read in manifest.objects.values():
        tls = read.item.spec.tls if isinstance(read.item, Route) else None
        if tls is None or tls.crt_file is None or tls.key_file is None:
            continue
        ref = secret_of_files(read.item.ref)
        names = {"crtFile": folder / tls.crt_file, "keyFile": folder / tls.key_file}
        seen |= {path: signature_of(path) for path in names.values()}
        problems: list[str] = []
        contents: dict[str, bytes] = {}
        for name, path in names.items():
            try:
                contents[name] = _content(path)
            except OSError as error:
                problems.append(f"spec.tls.{name}: {path} cannot be read: {error.strerror or error}")
        if not problems:
            document = _secret(ref, contents["crtFile"], contents["keyFile"])
            known = before.get(ref)
            try:
                item = known.item if known is not None and known.document == document else load_object(document)
                secrets[ref] = ReadObject(item, document, read.place)
                continue
            except InvalidObject as error:
                problems = [f"spec.tls.crtFile, spec.tls.keyFile: {problem.message}" for problem in error.problems]
        rejections.append(Rejection(read.place, tuple(problems), ref, ref in before))
        if ref in before:
            secrets[ref] = before[ref]
    return TlsFiles(secrets, tuple(rejections), seen)


def signature_of(path: Path) -> Signature | None:
    """What changes when the file does; None if it cannot be looked at."""
    try:
        return Signature.of(path.stat())
    except OSError:
        return None


def _content(path: Path) -> bytes:
    """Raises:
    OSError: it cannot be read, is no regular file, or is too large.
    """
    if path.exists() and not path.is_file():
        raise OSError(0, "it is not a regular file")
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size > MAX_SIZE:
            raise OSError(0, f"it is larger than {MAX_SIZE} bytes")
        return file.read(MAX_SIZE)


def _secret(ref: ObjectRef, certificate: bytes, key: bytes) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": TLS_TYPE,
        "metadata": {"name": ref.name, "namespace": ref.namespace},
        "data": {"tls.crt": base64.b64encode(certificate).decode(), "tls.key": base64.b64encode(key).decode()},
    }
