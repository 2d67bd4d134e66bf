"""Reads an OCI layout tar the way a container runtime does, without the builder's code."""

import hashlib
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Read:
    """The parsed parts of one image, every blob checked against its name."""

    index: dict[str, Any]
    manifest: dict[str, Any]
    config: dict[str, Any]
    layers: tuple[bytes, ...]
    docker: list[dict[str, Any]]


def read(path: Path) -> Read:
    with tarfile.open(path) as archive:
        files = {member.name: opened.read() for member in archive if (opened := archive.extractfile(member))}
    for name, content in files.items():
        if name.startswith("blobs/"):
            assert name == f"blobs/sha256/{hashlib.sha256(content).hexdigest()}"
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}

    def blob(descriptor: dict[str, Any]) -> bytes:
        content = files["blobs/" + descriptor["digest"].replace(":", "/")]
        assert len(content) == descriptor["size"]
        return content

    index = json.loads(files["index.json"])
    manifest = json.loads(blob(index["manifests"][0]))
    layers = tuple(blob(each) for each in manifest["layers"])
    return Read(index, manifest, json.loads(blob(manifest["config"])), layers, json.loads(files["manifest.json"]))


def unpack(path: Path, to: Path) -> Path:
    """All layers, one over the other, with their modes; owned by whoever runs this."""
    with tarfile.open(path) as archive:
        index = json.load(_blob_file(archive, "index.json"))
        manifest = json.load(_blob_file(archive, _name(index["manifests"][0])))
        for layer in manifest["layers"]:
            with tarfile.open(fileobj=_blob_file(archive, _name(layer))) as files:
                files.extractall(to, filter="fully_trusted")
    return to


def _name(descriptor: dict[str, Any]) -> str:
    return "blobs/" + str(descriptor["digest"]).replace(":", "/")


def _blob_file(archive: tarfile.TarFile, name: str) -> Any:
    content = archive.extractfile(name)
    assert content is not None
    return content
