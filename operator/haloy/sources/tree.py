"""The directory tree: which manifests it holds, found anew at each reading."""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

SUFFIXES = (".yaml", ".yml", ".json")
_DEEPEST = 64


@dataclass(frozen=True, slots=True)
class Signature:
    """As long as it is equal, a file was not written to (but see Signature.settled)."""

    device: int
    inode: int
    size: int
    modified: int
    changed: int

    @classmethod
    def of(cls, status: os.stat_result) -> "Signature":
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def settled(self, now: float) -> bool:
        """Whether the last write is so long ago (`now`: seconds since the epoch, when it was read) that a later one shows.

        File systems stamp in ticks of some milliseconds, so two writes in a row may look like one.
        """
        return now - max(self.modified, self.changed) / 1e9 > 0.1


@dataclass(slots=True)
class Tree:
    """What lies below the root. `files` by path relative to the root, with `/`; `directories`: (device, inode) by path.

    `links`: those of the files that are symbolic links.
    `unreadable`: why, by relative path, for files and whole directories that are there and cannot be looked at.
    """

    files: dict[str, Signature] = field(default_factory=dict)
    directories: dict[str, tuple[int, int]] = field(default_factory=dict)
    links: set[str] = field(default_factory=set)
    unreadable: dict[str, str] = field(default_factory=dict)
    root_missing: bool = False


def identity_of(path: str | Path) -> tuple[int, int] | None:
    """Device and inode; None if there is nothing, or nothing that can be looked at."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def regular_file(path: Path) -> Signature | None:
    """None: there is no file of that name, or it is a link, or has other names, or is something else."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return Signature.of(status) if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 else None


def _at_once() -> None:
    """Without a pause."""


def walk(root: Path, pause: Callable[[], None] = _at_once) -> Tree:
    """Look at every file that may be a manifest; `pause` is called between two of them. Symbolic links are followed; what is reached
    twice is listed once, under the first of its names in sorted order, so links in circles end. Names that begin with a dot are
    passed over: `.git`, an editor's files, and the `..data` of a mounted ConfigMap, whose files are linked from beside it.
    """
    tree = Tree()
    seen: set[tuple[int, int]] = set()
    try:
        status = root.stat()
    except OSError:
        tree.root_missing = True
        return tree
    if not stat.S_ISDIR(status.st_mode):
        tree.root_missing = True
        return tree
    _enter(tree, seen, str(root), "", status, 0, pause)
    return tree


def _enter(
    tree: Tree,
    seen: set[tuple[int, int]],
    path: str,
    relative: str,
    status: os.stat_result,
    depth: int,
    pause: Callable[[], None],
) -> None:
    identity = (status.st_dev, status.st_ino)
    if identity in seen or depth > _DEEPEST:
        return
    seen.add(identity)
    tree.directories[path] = identity
    try:
        entries = sorted(_entries(path), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    except OSError as error:
        tree.unreadable[relative] = _words(error)
        return
    for entry in entries:
        below = f"{relative}/{entry.name}" if relative else entry.name
        _look(tree, seen, entry, below, depth, pause)
        pause()


def _look(
    tree: Tree,
    seen: set[tuple[int, int]],
    entry: os.DirEntry[str],
    relative: str,
    depth: int,
    pause: Callable[[], None],
) -> None:
    is_manifest = entry.name.endswith(SUFFIXES)
    try:
        if not is_manifest and not entry.is_dir():
            return
        status = entry.stat()
    except FileNotFoundError as error:
        if is_manifest and entry.is_symlink():
            tree.unreadable[relative] = f"a symbolic link to nothing: {_words(error)}"
        return
    except OSError as error:
        if is_manifest:
            tree.unreadable[relative] = _words(error)
        return
    if stat.S_ISDIR(status.st_mode):
        _enter(tree, seen, entry.path, relative, status, depth + 1, pause)
    elif is_manifest and stat.S_ISREG(status.st_mode) and (status.st_dev, status.st_ino) not in seen:
        seen.add((status.st_dev, status.st_ino))
        tree.files[relative] = Signature.of(status)
        if entry.is_symlink():
            tree.links.add(relative)


def _entries(path: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(path) as entries:
        yield from (entry for entry in entries if not entry.name.startswith("."))


def _words(error: OSError) -> str:
    return error.strerror or type(error).__name__
