"""An image as an OCI layout in one tar file, the same bytes for the same content. Standard library only.

The file is for `ctr images import` (the annotation `io.containerd.image.name`), `skopeo copy oci-archive:` and Podman (the annotation
`org.opencontainers.image.ref.name`) and `docker load` (also before Docker 25, by `manifest.json`). Rules: OCI image specification
1.1, image-layout.md, config.md and layer.md.

Nothing of the machine gets in: entries are sorted, times are one given time, owners are given numbers without names. One thing can
differ between two machines: the zlib that compresses the layers. The image's id (the digest of its configuration, which names the layers
uncompressed) does not depend on it.
"""

import gzip
import hashlib
import io
import json
import os
import stat
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_CONFIG = "application/vnd.oci.image.config.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of a layer. `path` is relative, without a leading slash; `mode` has the permission bits only.

    A directory has neither `content` nor `target`; a symbolic link has `target`; a file has `content` (bytes, or where they are read).
    """

    path: str
    mode: int
    content: bytes | Path | None = None
    target: str | None = None
    owner: int = 0


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer as it is stored. `diff_id` is the digest of the tar before compression; both digests are `sha256:HEX`."""

    blob: bytes
    diff_id: str
    comment: str

    @property
    def digest(self) -> str:
        """The digest of what is stored."""
        return _digest(self.blob)


@dataclass(frozen=True, slots=True)
class Image:
    """What a container is started from. `architecture` and `environment` are as in the OCI configuration; `created` is in Unix seconds.

    `user` is numeric ("65532:65532"), so that Kubernetes' `runAsNonRoot` can be checked without reading the image's passwd file.
    """

    layers: tuple[Layer, ...]
    architecture: str
    created: int
    entrypoint: tuple[str, ...]
    command: tuple[str, ...] = ()
    user: str = "65532:65532"
    directory: str = "/"
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[str, ...] = ()
    stop_signal: str = "SIGTERM"


@dataclass(frozen=True, slots=True)
class Written:
    """What `write` wrote: `digest` is the manifest's (what a registry calls the image), `image_id` the configuration's (what Docker does)."""

    path: Path
    reference: str
    digest: str
    image_id: str


def entries_of(root: Path) -> list[Entry]:
    """Everything below `root` as entries, with the permission bits of the files as they are. Links are kept, not followed."""
    found = []
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            status = path.lstat()
            inside = str(path.relative_to(root))
            mode = stat.S_IMODE(status.st_mode)
            if stat.S_ISLNK(status.st_mode):
                found.append(Entry(inside, 0o777, target=str(path.readlink())))
            elif stat.S_ISDIR(status.st_mode):
                found.append(Entry(inside, mode))
            elif stat.S_ISREG(status.st_mode):
                found.append(Entry(inside, mode, content=path))
            else:
                raise ValueError(f"{path} is neither a file, a folder nor a symbolic link")
    return found


def layer(entries: Iterable[Entry], *, created: int, comment: str) -> Layer:
    """Entries in the order of their paths, every one with the time `created`. Raises ValueError for a path given twice."""
    raw = io.BytesIO()
    before = None
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry in sorted(entries, key=lambda entry: entry.path.split("/")):
            if entry.path == before:
                raise ValueError(f"{entry.path} stands twice in one layer")
            before = entry.path
            _add(archive, entry, created)
    tar = raw.getvalue()
    return Layer(blob=gzip.compress(tar, compresslevel=6, mtime=0), diff_id=_digest(tar), comment=comment)


def compressed(blob: bytes, *, comment: str) -> Layer:
    """The layer that `layer` made and somebody stored."""
    return Layer(blob=blob, diff_id=_digest(gzip.decompress(blob)), comment=comment)


def write(image: Image, reference: str, path: Path) -> Written:
    """Write the image under the name `reference` ("haloy.test/echo:1") to `path`, all or nothing. Raises OSError."""
    config = _json(_config(image))
    manifest = _json(_manifest(image, config))
    index = {
        "schemaVersion": 2,
        "mediaType": _INDEX,
        "manifests": [
            {
                **_descriptor(_MANIFEST, manifest),
                "platform": {"architecture": image.architecture, "os": "linux"},
                "annotations": {
                    "io.containerd.image.name": reference,
                    "org.opencontainers.image.ref.name": reference.rpartition(":")[2],
                },
            }
        ],
    }
    blobs = {_blob_path(_digest(blob)): blob for blob in (config, manifest, *(layer.blob for layer in image.layers))}
    docker = [
        {
            "Config": _blob_path(_digest(config)),
            "RepoTags": [reference],
            "Layers": [_blob_path(layer.digest) for layer in image.layers],
        }
    ]
    files = {
        "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
        "index.json": _json(index),
        "manifest.json": _json(docker),
        **blobs,
    }
    _write_tar(path, files, image.created)
    return Written(path=path, reference=reference, digest=_digest(manifest), image_id=_digest(config))


def _config(image: Image) -> dict[str, Any]:
    when = datetime.fromtimestamp(image.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    run = {
        "User": image.user,
        "Entrypoint": list(image.entrypoint),
        "Cmd": list(image.command),
        "WorkingDir": image.directory,
        "Env": [f"{name}={value}" for name, value in sorted(image.environment.items())],
        "Labels": dict(image.labels),
        "ExposedPorts": {port: {} for port in image.ports},
        "StopSignal": image.stop_signal,
    }
    return {
        "created": when,
        "architecture": image.architecture,
        "os": "linux",
        "config": {name: value for name, value in run.items() if value},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in image.layers]},
        "history": [{"created": when, "created_by": layer.comment} for layer in image.layers],
    }


def _manifest(image: Image, config: bytes) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _descriptor(_CONFIG, config),
        "layers": [_descriptor(_LAYER, layer.blob) for layer in image.layers],
        "annotations": {name: value for name, value in image.labels.items() if name.startswith("org.opencontainers.")},
    }


def _add(archive: tarfile.TarFile, entry: Entry, created: int) -> None:
    info = tarfile.TarInfo(entry.path)
    info.mode, info.mtime, info.uid, info.gid = entry.mode, created, entry.owner, entry.owner
    if entry.target is not None:
        info.type, info.linkname = tarfile.SYMTYPE, entry.target
        archive.addfile(info)
    elif entry.content is None:
        info.type = tarfile.DIRTYPE
        archive.addfile(info)
    else:
        content = entry.content if isinstance(entry.content, bytes) else entry.content.read_bytes()
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))


def _write_tar(path: Path, files: Mapping[str, bytes], created: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with tarfile.open(partial, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for folder in ("blobs", "blobs/sha256"):
                _add(archive, Entry(folder, 0o755), created)
            for name, content in sorted(files.items()):
                _add(archive, Entry(name, 0o644, content=content), created)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _descriptor(media_type: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(blob), "size": len(blob)}


def _blob_path(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _digest(blob: bytes) -> str:
    return "sha256:" + hashlib.sha256(blob).hexdigest()


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
