"""Generations: complete configuration directories on disk, and the link that says which one HAProxy runs.

Layout below the root (all directories 0700, all files 0600):

    generations/000001 000002 ...   complete directories; unchanged files are hard links to the generation before
    current                         a symbolic link to one of them

A file is only ever replaced by renaming a finished, synced one over it, so neither a reader nor a crash sees half a
file, and a hard-linked older generation never changes with a newer one.
"""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_UNFINISHED = ".unfinished"


@dataclass(frozen=True, slots=True, order=True)
class Generation:
    number: int
    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    def read(self, name: str) -> bytes | None:
        """The content of one file, None if there is no such file."""
        try:
            return (self.path / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None


class Generations:
    """The generations below `root`. One process writes here at a time; blocking, so call it from a thread."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = root / "generations"

    @property
    def link(self) -> Path:
        """What HAProxy is given as its configuration directory."""
        return self._root / "current"

    def open(self) -> None:
        """Make the folders, and clear away what a crash left unfinished."""
        for folder in (self._root, self._folder):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        for entry in self._folder.iterdir():
            if entry.name.endswith(_UNFINISHED):
                shutil.rmtree(entry, ignore_errors=True)
        for path in self._root.glob(f"current*{_UNFINISHED}"):
            path.unlink()

    def all(self) -> tuple[Generation, ...]:
        """Every finished generation, newest first."""
        found = [Generation(int(path.name), path) for path in self._folder.iterdir() if path.name.isdigit()]
        return tuple(sorted(found, reverse=True))

    def current(self) -> Generation | None:
        """The one that the link names; None if there is none."""
        try:
            name = self.link.readlink().name
        except (FileNotFoundError, OSError):
            return None
        return self.find(name)

    def find(self, name: str) -> Generation | None:
        path = self._folder / name
        return Generation(int(name), path) if name.isdigit() and path.is_dir() else None

    def reserve(self) -> int:
        """The number the next generation gets."""
        return max((generation.number for generation in self.all()), default=0) + 1

    def create(self, number: int, files: Mapping[str, bytes], before: Generation | None) -> Generation:
        """A new, complete generation of exactly `files`; what is equal in `before` is linked instead of written.

        Raises OSError, and leaves nothing behind then.
        """
        path = self._folder / f"{number:06d}"
        unfinished = self._folder / f"{path.name}{_UNFINISHED}"
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            self._fill(unfinished, files, before)
            unfinished.rename(path)
            _sync(self._folder)
        except OSError:
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.rmtree(path, ignore_errors=True)
            raise
        return Generation(number, path)

    def _fill(self, unfinished: Path, files: Mapping[str, bytes], before: Generation | None) -> None:
        unfinished.mkdir(mode=0o700)
        folders, written = {unfinished}, []
        for name, content in files.items():
            target = unfinished / _checked(name)
            folders |= _make_folders(unfinished, target.parent)
            if before is not None and before.read(name) == content:
                os.link(before.path / name, target)
            else:
                _write(target, content)
                written.append(target)
        for target in written:  # After all are written, so that the disk takes them together.
            _sync(target)
        for folder in folders:
            _sync(folder)

    def update(self, generation: Generation, files: Mapping[str, bytes], gone: Iterable[str] = ()) -> tuple[str, ...]:
        """Replace what differs from `files`, delete `gone`; other files stay. Returns the names of what was written.

        Raises OSError: each file is then the old or the new one, whole.
        """
        written = []
        folders = set()
        for name, content in files.items():
            if generation.read(name) == content:
                continue
            target = generation.path / _checked(name)
            folders |= _make_folders(generation.path, target.parent) | {target.parent}
            unfinished = target.with_name(f".{target.name}{_UNFINISHED}")
            try:
                _write(unfinished, content)
                _sync(unfinished)
                unfinished.rename(target)
            except OSError:
                _remove(unfinished)
                raise
            written.append(name)
        for name in gone:
            target = generation.path / _checked(name)
            target.unlink(missing_ok=True)
            if target.parent.is_dir():
                folders.add(target.parent)
        for folder in folders:
            _sync(folder)
        return tuple(written)

    def names(self, generation: Generation) -> tuple[str, ...]:
        """The names of all files, relative, sorted."""
        root = str(generation.path)
        found = (os.path.relpath(f"{folder}/{name}", root) for folder, _, names in os.walk(root) for name in names)
        return tuple(sorted(found))

    def activate(self, generation: Generation) -> None:
        """Let the link name `generation`, atomically."""
        unfinished = self.link.with_name(f"current{_UNFINISHED}")
        unfinished.unlink(missing_ok=True)
        unfinished.symlink_to(Path("generations") / generation.name)
        unfinished.rename(self.link)
        _sync(self._root)

    def discard(self, generation: Generation) -> None:
        """Delete a generation that was refused. ValueError if it is the current one."""
        if self.current() == generation:
            raise ValueError(f"generation {generation.name} is the current one")
        shutil.rmtree(generation.path)

    def prune(self, running: Generation) -> None:
        """Delete all but the `running` one, the current one and the newest before that, to fall back to. Raises OSError.

        Whatever is newer than the current one was refused, or never finished its trial.
        """
        current = self.current() or running
        older = next((generation for generation in self.all() if generation < current), None)
        for generation in self.all():
            if generation not in (running, current, older):
                shutil.rmtree(generation.path)


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _checked(name: str) -> PurePosixPath:
    """ValueError for a name that leads out of the directory."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError(f"{name!r} is not the name of a configuration file")
    return path


def _make_folders(root: Path, folder: Path) -> set[Path]:
    """Make `folder` and those above it up to `root`; returns all that need a sync."""
    made = set()
    while folder != root and not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True)
        made |= {folder, folder.parent}
        folder = folder.parent
    return made


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _remove(path: Path) -> None:
    """Tidying after an error that is told already: what cannot be removed stays."""
    with contextlib.suppress(OSError):
        path.unlink()


def _sync(path: Path) -> None:
    """On the disk when it returns."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
