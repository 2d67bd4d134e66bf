"""A directory of manifests, read as a whole: what it holds now, touching only the files that changed."""

import hashlib
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from haloy.api.snapshot import Object, Place, Rejection
from haloy.clock import Clock
from haloy.model.refs import ObjectRef
from haloy.sources.loss import Reading
from haloy.sources.manifest import Manifest, ReadObject, read_manifest
from haloy.sources.store import duplicate
from haloy.sources.tls_files import TlsFiles, read_tls_files
from haloy.sources.tree import Signature, Tree, identity_of, walk
from haloy.sources.yaml_documents import MAX_BYTES

SETTLE = 0.1
"""Seconds for which a missing object is waited for: editors and git take a file away for some milliseconds."""


@dataclass(frozen=True, slots=True)
class DirectoryReading:
    """`reading` is for the Store. `directories`: what must be watched, (device, inode) by path. `names`: of files that matter
    although they are not called like a manifest. `root_missing`: there is no directory."""

    reading: Reading
    directories: Mapping[str, tuple[int, int]]
    names: frozenset[str]
    root_missing: bool


@dataclass(slots=True)
class _File:
    """What is known of one file. `signature` None: read it again. `good` are its objects and those of its TLS files."""

    good: Mapping[ObjectRef, ReadObject] = field(default_factory=dict)
    signature: Signature | None = None
    digest: bytes = b""
    manifest: Manifest = field(default_factory=lambda: Manifest({}))
    tls: TlsFiles = field(default_factory=TlsFiles)
    rejections: tuple[Rejection, ...] = ()


class Directory:
    """Reads `root`. `before` holds the last valid objects by relative path, as they were saved.

    Not for use by two threads at once.
    """

    def __init__(self, root: Path, clock: Clock, before: Mapping[str, Mapping[ObjectRef, ReadObject]]) -> None:
        self._root = root
        self._clock = clock
        self._files = {path: _File(good=good) for path, good in before.items()}
        self._unsaved: set[str] = set()
        self._present: frozenset[str] = frozenset()

    def read(self, unlinked: Collection[str] = (), *, everything: bool = False) -> DirectoryReading:
        """The directory as it is. `unlinked`: absolute paths whose deletion was announced since they were last there.
        `everything`: also the files that do not look changed."""
        if everything:
            for file in self._files.values():
                file.signature = None
        tree = walk(self._root)
        for path, signature in tree.files.items():
            self._update(path, signature, tree)
        present = tree.files.keys() | {path for path in self._files if _below(path, tree.unreadable)}
        self._present = frozenset(present)
        gone = {path for path in self._files if path not in present}
        announced = {path for path in gone if str(self._root / path) in unlinked}
        empty = not present
        doubtful = tree.root_missing or (empty and announced != gone) or git_is_at_work(self._root)
        deleted = frozenset(ref for path in announced for ref in self._files[path].good)
        objects, places, rejections = self._merge(sorted(present), tree)
        reading = Reading(objects, places, rejections, doubtful, deleted, SETTLE)
        linked = self._linked(tree)
        names = frozenset(path.name for path in linked)
        return DirectoryReading(reading, _directories(tree, linked), names, tree.root_missing)

    def forget(self) -> None:
        """Whatever the last reading missed is gone indeed, so its earlier versions are of no use any more."""
        for path in [path for path in self._files if path not in self._present]:
            del self._files[path]
            self._unsaved.add(path)

    def unsaved(self) -> dict[str, Mapping[ObjectRef, ReadObject] | None]:
        """The valid objects of files that changed since the last call; None: the file is gone."""
        changed = {path: self._files[path].good if path in self._files else None for path in self._unsaved}
        self._unsaved.clear()
        return changed

    def _update(self, path: str, signature: Signature, tree: Tree) -> None:
        """Read a file if it may have changed; if that fails, it is `unreadable` and stays as it was."""
        file = self._files.setdefault(path, _File())
        if file.signature == signature and not file.tls.changed():
            return
        try:
            data, taken = _content(self._root / path)
        except FileNotFoundError:
            del tree.files[path]
            return
        except OSError as error:
            tree.unreadable[path] = error.strerror or str(error)
            file.signature = None
            return
        settled = taken.settled(self._clock.now().timestamp())
        file.signature = taken if settled else None
        digest = hashlib.blake2b(data, digest_size=16).digest()
        if digest != file.digest or not file.digest:
            file.manifest = read_manifest(path, data, file.good)
            file.digest = digest
        elif not file.tls.changed():
            return
        file.tls = read_tls_files(file.manifest, (self._root / path).parent, file.good)
        good = {**file.manifest.objects, **file.tls.secrets}
        if good != file.good:
            self._unsaved.add(path)
        file.good = good
        file.rejections = (*file.manifest.rejections, *file.tls.rejections)

    def _merge(
        self, paths: Collection[str], tree: Tree
    ) -> tuple[dict[ObjectRef, Object], dict[ObjectRef, Place], tuple[Rejection, ...]]:
        objects: dict[ObjectRef, Object] = {}
        places: dict[ObjectRef, Place] = {}
        rejections: list[Rejection] = []
        for path in paths:
            file = self._files.get(path, _File())
            if path not in tree.unreadable:
                rejections.extend(file.rejections)
            for ref, read in file.good.items():
                if ref in objects:
                    rejections.append(duplicate(ref, read.place, places[ref]))
                else:
                    objects[ref], places[ref] = read.item, read.place
        for path, words in sorted(tree.unreadable.items()):
            kept = any(self._files[below].good for below in self._files if _below(below, (path,)))
            rejections.append(Rejection(Place(path or str(self._root)), (f"cannot be read: {words}",), None, kept))
        if tree.root_missing:
            problem = "there is no such directory, or it cannot be entered; make it, or start haloy with another one"
            rejections.append(Rejection(Place(str(self._root)), (problem,), None, bool(self._files)))
        return objects, places, tuple(rejections)

    def _linked(self, tree: Tree) -> set[Path]:
        """TLS files, and the files that links to manifests and TLS files lead to."""
        tls = {path for file in self._files.values() for path in file.tls.seen}
        links = {self._root / name for name in tree.links}
        return tls | {Path(os.path.realpath(path)) for path in tls | links}


def git_is_at_work(root: Path) -> bool:
    """Whether git holds its lock on the work tree around `root`: between unlinking and writing anew, files are missing."""
    real = Path(os.path.realpath(root))
    for folder in (real, *real.parents):
        git = folder / ".git"
        if identity_of(git) is None:
            continue
        try:
            text = git.read_text(errors="replace")
        except OSError:
            return identity_of(git / "index.lock") is not None
        return identity_of(folder / text.removeprefix("gitdir:").strip() / "index.lock") is not None
    return False


def _directories(tree: Tree, linked: set[Path]) -> dict[str, tuple[int, int]]:
    """Those of the tree, and those where linked manifests and TLS files really are; each inode under one path."""
    directories = dict(tree.directories)
    known = set(directories.values())
    for directory in sorted({path.parent for path in linked}):
        if (identity := identity_of(directory)) is not None and identity not in known:
            known.add(identity)
            directories[str(directory)] = identity
    return directories


def _below(path: str, folders: Collection[str]) -> bool:
    """Whether `path` is one of `folders` or in one of them; "" is the root."""
    return any(not folder or path == folder or path.startswith(folder + "/") for folder in folders)


def _content(path: Path) -> tuple[bytes, Signature]:
    """Raises:
    OSError: it cannot be read, or is too large.
    """
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        if status.st_size > MAX_BYTES:
            raise OSError(0, f"the file is larger than {MAX_BYTES // 1024 // 1024} MiB; split it")
        return file.read(MAX_BYTES + 1), Signature.of(status)
