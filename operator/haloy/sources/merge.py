"""The objects of all files as one mapping, kept up to date file by file."""

from bisect import insort
from collections.abc import Iterator, Mapping

from haloy.api.snapshot import Rejection
from haloy.model.refs import ObjectRef
from haloy.sources.manifest import ReadObject
from haloy.sources.store import duplicate

_NOTHING: Mapping[ObjectRef, ReadObject] = {}


class Merge:
    """Where two files write the same ref the first by path wins, and the other's is a Rejection."""

    def __init__(self) -> None:
        self._good: dict[str, Mapping[ObjectRef, ReadObject]] = {}
        self._told: dict[str, tuple[Rejection, ...]] = {}
        self._paths: dict[ObjectRef, list[str]] = {}
        self._twice: set[ObjectRef] = set()
        self._touched: set[ObjectRef] = set()

    def put(self, path: str, good: Mapping[ObjectRef, ReadObject], rejections: tuple[Rejection, ...]) -> None:
        """What a file holds now; nothing and no rejections: it is gone."""
        before = self._good.get(path, _NOTHING)
        if rejections:
            self._told[path] = rejections
        elif path in self._told:
            del self._told[path]
        if before is good:
            return
        if good:
            self._good[path] = good
        else:
            self._good.pop(path, None)
        for ref in before.keys() - good.keys():
            paths = self._paths[ref]
            paths.remove(path)
            self._count(ref, paths)
        for ref in good.keys() - before.keys():
            paths = self._paths.setdefault(ref, [])
            insort(paths, path)
            self._count(ref, paths)
        self._touched.update(ref for ref, read in good.items() if before.get(ref) is not read)

    def __iter__(self) -> Iterator[str]:
        """The files that hold something, or of which a Rejection tells."""
        return iter(self._good.keys() | self._told.keys())

    def touched(self) -> set[ObjectRef]:
        """The refs that may be others since the last call."""
        found, self._touched = self._touched, set()
        return found

    def winner(self, ref: ObjectRef) -> ReadObject | None:
        paths = self._paths.get(ref)
        return self._good[paths[0]][ref] if paths else None

    def rejections(self) -> list[Rejection]:
        """By path; what is wrong with a file, then what another one has already."""
        doubles: dict[str, list[Rejection]] = {}
        for ref in sorted(self._twice):
            first, *others = self._paths[ref]
            for path in others:
                found = duplicate(ref, self._good[path][ref].place, self._good[first][ref].place)
                doubles.setdefault(path, []).append(found)
        return [
            rejection
            for path in sorted(self._told.keys() | doubles.keys())
            for rejection in (*self._told.get(path, ()), *doubles.get(path, ()))
        ]

    def _count(self, ref: ObjectRef, paths: list[str]) -> None:
        self._touched.add(ref)
        if len(paths) > 1:
            self._twice.add(ref)
        else:
            self._twice.discard(ref)
        if not paths:
            del self._paths[ref]
