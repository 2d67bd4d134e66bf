"""A directory of manifests, read as a whole: what it holds now, touching only the files that changed."""

import hashlib
import os
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from haloy.api.snapshot import Place, Rejection
from haloy.clock import Clock
from haloy.model.refs import ObjectRef
from haloy.sources.loss import Reading
from haloy.sources.manifest import Manifest, ReadObject, read_manifest
from haloy.sources.merge import Merge
from haloy.sources.tls_files import TlsFiles, read_tls_files
from haloy.sources.tree import SUFFIXES, Signature, Tree, identity_of, regular_file, walk
from haloy.sources.yaml_documents import MAX_BYTES

SETTLE = 0.03
"""Seconds for which a missing object is waited for: editors and git take a file away for some milliseconds."""


SLICE = 0.004
"""Seconds that a look at everything takes before it rests for twice as long."""


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


@dataclass(frozen=True, slots=True)
class _Whole:
    """The last reading of the whole directory, in which nothing was out of the ordinary. `directories` and `names` as in
    DirectoryReading."""

    tree: Tree
    directories: Mapping[str, tuple[int, int]]
    names: frozenset[str]

    def manifest(self, path: str, root: Path) -> str | None:
        """The relative path of a manifest; "" when `path` does not matter; None: everything may be another."""
        folder, _, name = path.rpartition("/")
        if folder not in self.tree.directories or name in self.names or path in self.directories:
            return None
        if name.startswith("."):
            return ""
        if name.endswith(SUFFIXES):
            return os.path.relpath(path, root)
        return None if Path(path).is_dir() else ""


class Directory:
    """Reads `root`. `before` holds the last valid objects by relative path, as they were saved.

    Not for use by two threads at once.
    """

    def __init__(self, root: Path, clock: Clock, before: Mapping[str, Mapping[ObjectRef, ReadObject]]) -> None:
        self._root = root
        self._clock = clock
        self._files = {path: _File(good=good) for path, good in before.items()}
        self._unsaved: set[str] = set()
        self._gone: frozenset[str] = frozenset()
        """Files known from before that the last reading of the whole directory missed."""
        self._merge = Merge()
        self._unsettled: set[str] = set()
        self._last: _Whole | None = None

    def read(
        self, unlinked: Collection[str] = (), *, everything: bool = False, touched: Collection[str] | None = None
    ) -> DirectoryReading:
        """The directory as it is. `unlinked`: absolute paths whose deletion was announced since they were last there.
        `everything`: also the files that do not look changed. `touched`: the only absolute paths that were announced since the last
        reading; None: anything may be another. Where nothing but manifests were written to, only these are looked at."""
        if touched is not None and not everything and (found := self._read_some(touched, unlinked)) is not None:
            return found
        if everything:
            for file in self._files.values():
                file.signature = None
        tree = walk(self._root)
        for path, signature in list(tree.files.items()):
            self._update(path, signature, tree)
        present = tree.files.keys() | {path for path in self._files if _below(path, tree.unreadable)}
        gone = {path for path in self._files if path not in present}
        self._gone = frozenset(gone)
        announced = {path for path in gone if str(self._root / path) in unlinked}
        empty = not present
        doubtful = tree.root_missing or (empty and announced != gone) or git_is_at_work(self._root)
        deleted = frozenset(ref for path in announced for ref in self._files[path].good)
        for path in [path for path in self._merge if path not in present]:
            self._merge.put(path, {}, ())
        for path in present:
            file = self._files.get(path, _File())
            self._merge.put(path, file.good, file.rejections if path not in tree.unreadable else ())
        linked = self._linked(tree)
        names = frozenset(path.name for path in linked)
        directories = _directories(tree, linked)
        calm = not (gone or doubtful or tree.unreadable or tree.links)
        self._last = _Whole(tree, directories, names) if calm else None
        rejections = (*self._merge.rejections(), *self._unreadable(tree))
        return DirectoryReading(self._reading(rejections, doubtful, deleted), directories, names, tree.root_missing)

    def _read_some(self, touched: Collection[str], unlinked: Collection[str]) -> DirectoryReading | None:
        """The last reading with some files read again, or gone as it was announced; None: more may have changed than what is in manifests, so the whole
        directory must be looked at."""
        last = self._last
        if last is None or git_is_at_work(self._root):
            return None
        announced = [last.manifest(path, self._root) for path in touched]
        if None in announced:
            return None
        for path in {*self._unsettled, *self._gone, *filter(None, announced)}:
            signature = regular_file(self._root / path)
            if signature is None:
                if not self._took_away(path, unlinked, last.tree):
                    self._last = None
                    return None
                continue
            self._gone -= {path}
            seen = self._files[path].tls.seen.keys() if path in self._files else set()
            self._update(path, signature, last.tree)
            file = self._files[path]
            if last.tree.unreadable or path not in last.tree.files or file.tls.seen.keys() != seen:
                self._last = None
                return None
            self._merge.put(path, file.good, file.rejections)
        deleted = frozenset(ref for path in self._gone for ref in self._files[path].good)
        reading = self._reading(tuple(self._merge.rejections()), False, deleted)
        return DirectoryReading(reading, last.directories, last.names, root_missing=False)

    def survey(self) -> set[str] | None:
        """The absolute paths of files that are not as they were when they were last read, as `touched` of the next reading; None:
        everything is to be read. May run beside `read`, in another thread: it takes a third of one's time at most, and changes
        nothing."""
        last = self._last
        if last is None:
            return None
        known = dict(last.tree.files)
        found = walk(self._root, self._slowly())
        if found.links or found.unreadable or found.root_missing or found.directories != last.tree.directories:
            return None
        others = {path for path, signature in found.files.items() if known.get(path) != signature}
        others |= known.keys() - found.files.keys()
        others |= {path for path, file in list(self._files.items()) if file.tls.seen and file.tls.changed()}
        return {str(self._root / path) for path in others}

    def _slowly(self) -> Callable[[], None]:
        """To be called between two small pieces of work: others get their turn."""
        began = self._clock.monotonic()

        def rest() -> None:
            nonlocal began
            if self._clock.monotonic() - began >= SLICE:
                time.sleep(2 * SLICE)
                began = self._clock.monotonic()

        return rest

    def _took_away(self, path: str, unlinked: Collection[str], tree: Tree) -> bool:
        """Take note that one file is gone. False: nobody announced that, it is not the only kind of file, or it was the last one, so
        that the whole directory must be looked at."""
        file = self._files.get(path)
        if not _is_missing(self._root / path) or (file is not None and file.tls.seen):
            return False
        if file is None:
            return True
        if str(self._root / path) not in unlinked or not tree.files.keys() - {path}:
            return False
        tree.files.pop(path, None)
        self._unsettled.discard(path)
        self._gone |= {path}
        self._merge.put(path, {}, ())
        return True

    def _reading(self, rejections: tuple[Rejection, ...], doubtful: bool, deleted: frozenset[ObjectRef]) -> Reading:
        touched = self._merge.touched()
        found = {ref: read for ref in touched if (read := self._merge.winner(ref)) is not None}
        objects = {ref: read.item for ref, read in found.items()}
        places = {ref: read.place for ref, read in found.items()}
        return Reading(objects, places, rejections, doubtful, deleted, SETTLE, touched)

    def forget(self) -> None:
        """Whatever the last reading missed is gone indeed, so its earlier versions are of no use any more."""
        for path in self._gone:
            del self._files[path]
            self._unsettled.discard(path)
            self._unsaved.add(path)
        self._gone = frozenset()

    def unsaved(self) -> dict[str, Mapping[ObjectRef, ReadObject] | None]:
        """The valid objects of files that changed since the last call; None: the file is gone."""
        changed = {path: self._files[path].good if path in self._files else None for path in self._unsaved}
        self._unsaved.clear()
        return changed

    def _update(self, path: str, signature: Signature, tree: Tree) -> None:
        """Read a file if it may have changed; if that fails, it is `unreadable` and stays as it was."""
        file = self._files.setdefault(path, _File())
        tree.files[path] = signature
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
        (self._unsettled.discard if settled else self._unsettled.add)(path)
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

    def _unreadable(self, tree: Tree) -> list[Rejection]:
        rejections: list[Rejection] = []
        for path, words in sorted(tree.unreadable.items()):
            kept = any(self._files[below].good for below in self._files if _below(below, (path,)))
            rejections.append(Rejection(Place(path or str(self._root)), (f"cannot be read: {words}",), None, kept))
        if tree.root_missing:
            problem = "there is no such directory, or it cannot be entered; make it, or start haloy with another one"
            rejections.append(Rejection(Place(str(self._root)), (problem,), None, bool(self._files)))
        return rejections

    def _linked(self, tree: Tree) -> set[Path]:
        """TLS files, and the files that links to manifests and TLS files lead to."""
        tls = {path for file in self._files.values() for path in file.tls.seen}
        links = {self._root / name for name in tree.links}
        return tls | {Path(os.path.realpath(path)) for path in tls | links}


def _is_missing(path: Path) -> bool:
    """False, too, if nobody can tell."""
    try:
        path.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


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
