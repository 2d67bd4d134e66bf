"""What a change leaves on disk: which files of the state folder were written, and how much of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class File:
    inode: int
    size: int
    modified: int


def files(state: Path) -> dict[str, File]:
    """Every file below `state`, by its path there. Links are not followed."""
    found = {}
    for path in state.rglob("*"):
        try:
            facts = path.lstat()
        except FileNotFoundError:
            continue
        if path.is_file() and not path.is_symlink():
            found[str(path.relative_to(state))] = File(facts.st_ino, facts.st_size, facts.st_mtime_ns)
    return found


def written(before: Mapping[str, File], after: Mapping[str, File]) -> dict[str, int]:
    """Bytes by file: what was appended to one that only grew, all of one that was replaced."""
    found = {}
    for path, now in after.items():
        old = before.get(path)
        if old == now:
            continue
        appended = old is not None and old.inode == now.inode and old.size < now.size
        found[path] = now.size - old.size if old is not None and appended else now.size
    return found
