"""The files of one generation while it is in use: a change goes into the journal, the files follow.

Three speeds. `note`: the new PEM files and one line in the journal, on the disk when it returns. `settle`: the configuration
fragments that changes have touched. `fold`: everything, so that the journal is empty. Neither of the latter two keeps `note`
waiting for longer than it takes to look at what there is.
"""

import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from haloy.proxies.haproxy.apply.candidate import REVISION_FILE, ConfigFiles
from haloy.proxies.haproxy.apply.difference import difference
from haloy.proxies.haproxy.apply.generations import Generation, Generations, digest_of
from haloy.proxies.haproxy.apply.journal import JOURNAL, Journal
from haloy.proxies.haproxy.apply.record import INDEX, NEXT, Recorded, RecordWriter, proven_pem
from haloy.proxies.haproxy.apply.target import Target
from haloy.proxies.haproxy.artifacts import Artifacts, Fragment
from haloy.proxies.haproxy.plan.running import CRT_LIST

LEAST_BOUND = 1 << 20
"""A journal of fewer bytes is not folded in for its size."""


@dataclass(frozen=True, slots=True)
class Files:
    """What every file but PEM says. `maps`: digest and size by name."""

    artifacts: Artifacts
    maps: Mapping[str, tuple[str, int]]


class Book:
    """Blocking, from any thread. `files` None: what the files say is not known, so the first `fold` looks at all of them.

    `proven`: whether the PEM files are known to be what is recorded; else `prove` comes before the first `note`.
    """

    def __init__(
        self,
        generations: Generations,
        config_files: ConfigFiles,
        writer: RecordWriter,
        generation: Generation,
        recorded: Recorded,
        files: Files | None,
        *,
        proven: bool = False,
    ) -> None:
        self.generation = generation
        self._generations = generations
        self._config_files = config_files
        self._writer = writer
        self._artifacts = recorded.artifacts
        self._contents = dict(recorded.contents)
        self._journal = Journal(generation.path / JOURNAL, recorded.size, recorded.last)
        self._files = files
        self._proven = proven
        self._retired = False
        self._touched: set[str] = set()
        """Fragments whose file is older than the journal."""
        self._ahead: set[str] = set()
        """Fragments whose file was written since the last `fold`."""
        self._gone: set[str] = set()
        """PEM files that nothing needs any more."""
        self._noting = threading.Lock()
        self._folding = threading.Lock()
        """Taken before `_noting` where both are."""

    @property
    def artifacts(self) -> Artifacts:
        """As last noted."""
        return self._artifacts

    @property
    def contents(self) -> Mapping[str, str]:
        """Digest of the content by PEM file name."""
        return self._contents

    @property
    def unsettled(self) -> bool:
        return bool(self._touched or self._gone)

    @property
    def long(self) -> bool:
        """Whether the journal has grown beyond its bound: a mebibyte, or what the maps have where that is more."""
        maps = 0 if self._files is None else sum(size for _, size in self._files.maps.values())
        return not self._retired and self._journal.size > max(LEAST_BOUND, maps)

    @property
    def sure(self) -> bool:
        """Whether it is known what the files say."""
        return self._files is not None

    @property
    def folded(self) -> bool:
        """Whether every file says what was last noted."""
        return self._files is not None and self._journal.size == 0 and not self.unsettled

    def prove(self, read: Artifacts | None = None) -> None:
        """Look at the PEM files, unless that has been done: in `read`, as `read_record` made it. Raises OSError."""
        with self._noting:
            if self._proven:
                return
            if read is None or read.revision != self._artifacts.revision:
                read = replace(self._artifacts, pem_files=proven_pem(self.generation, self._artifacts, self._contents))
            self._artifacts, self._proven = read, True

    def note(self, target: Target) -> None:
        """From now on the record says `target`. Raises OSError: nothing has changed, then."""
        wanted, materials = target.artifacts, target.materials
        with self._noting:
            made = difference(self._artifacts, wanted, lambda path: digest_of(materials[wanted.pem_files[path]]))
            if made.value:
                fresh = {path: materials[wanted.pem_files[path]] for path in made.pem}
                with self._generations.provisionally(self.generation, fresh):
                    self._journal.append(made.value)
                self._contents.update((path, digest_of(content)) for path, content in fresh.items())
                for path in made.gone:
                    self._contents.pop(path, None)
                self._touched |= made.fragments
                self._gone = (self._gone | set(made.gone)) - set(fresh)
            self._artifacts = wanted

    def retire(self) -> None:
        """Wait for what is being written, and write nothing any more: another book takes over."""
        with self._folding, self._noting:
            self._retired = True
            self._touched.clear()
            self._gone.clear()

    def settle(self) -> None:
        """Write the fragments that were touched, delete PEM files that nothing needs. Raises OSError; call it again, then."""
        with self._folding:
            with self._noting:
                touched, artifacts = set(self._touched), self._artifacts
                fragments = {one.filename: one for one in artifacts.fragments if one.filename in touched}
                self._ahead |= touched
            made = self._config_files(Artifacts("", tuple(fragments.values())))
            self._generations.update(self.generation, {name: made[name] for name in fragments})
            with self._noting:
                self._touched -= {name for name in touched if _still(self._artifacts, name, fragments.get(name))}
                self._generations.update(self.generation, {}, [name for name in self._gone if self._unneeded(name)])
                self._gone.clear()

    def fold(self, pem: Mapping[str, bytes] | None = None) -> None:
        """Let every file say what was last noted, and empty the journal.

        `pem`: content by file name, for PEM files that may lack or be damaged; None: they are right. Raises OSError: the record
        and the journal say the same as before, then.
        """
        with self._folding:
            try:
                self._fold(pem)
            except OSError:
                self._files = None
                raise

    def _fold(self, pem: Mapping[str, bytes] | None) -> None:
        with self._noting:
            if self._retired or (self.folded and pem is None):
                return
            now, contents, last = self._artifacts, dict(self._contents), self._journal.last
            doubtful = self._touched | self._ahead
        before = self._files
        rest, files = texts(now, before, self._config_files, doubtful)
        record = self._writer.files(now, contents, {name: digest for name, (digest, _) in files.maps.items()}, last)
        index = {INDEX: record.pop(INDEX)}
        if self.generation.read(INDEX) != index[INDEX]:
            self._generations.update(self.generation, {NEXT: index[INDEX]})
        self._generations.update(self.generation, {**record, **(pem or {})})
        self._generations.update(self.generation, {name: rest[name] for name in sorted(rest, key=_order)})
        self._generations.update(self.generation, index)
        with self._noting:
            over = [name for name in self._over(before, now, record) if self._unneeded(name)]
            self._generations.update(self.generation, {}, over)
            self._journal.forget(last)
            self._files = files
            written = {one.filename: one for one in now.fragments}
            self._touched -= {name for name in self._touched if _still(self._artifacts, name, written.get(name))}
            self._ahead.clear()
            self._gone.clear()

    def _over(self, before: Files | None, now: Artifacts, record: Iterable[str]) -> Iterable[str]:
        """Files that `now` has no use for."""
        if before is not None:
            former, names = before.artifacts, _names(now)
            return (NEXT, *self._gone, *(name for name in _names(former) if name not in names))
        kept = {*_names(now), *record, *now.pem_files, CRT_LIST, REVISION_FILE, INDEX, JOURNAL}
        return [name for name in self._generations.names(self.generation) if name not in kept]

    def _unneeded(self, name: str) -> bool:
        return name not in self._artifacts.pem_files


def texts(
    now: Artifacts, before: Files | None, config_files: ConfigFiles, doubtful: Collection[str] = ()
) -> tuple[dict[str, bytes], Files]:
    """Every file but PEM whose text may have changed since `before`, and what all of them say then. `doubtful`: fragments
    whose file may say something newer than `before`."""
    former = None if before is None else before.artifacts
    known = {} if former is None else {one.filename: one for one in former.fragments}
    maps = {} if former is None else former.maps
    some = Artifacts(
        "",
        tuple(one for one in now.fragments if one.filename in doubtful or one != known.get(one.filename)),
        {name: entries for name, entries in now.maps.items() if name not in maps or maps[name] != entries},
        {name: body for name, body in now.files.items() if former is None or former.files.get(name) != body},
        certificates=now.certificates,
    )
    made = dict(config_files(some))
    if former is not None and former.certificates == now.certificates:
        made.pop(CRT_LIST, None)
    sizes = {} if before is None else before.maps
    told = {name: (digest_of(made[name]), len(made[name])) if name in made else sizes[name] for name in now.maps}
    return made, Files(now, told)


def _names(artifacts: Artifacts) -> set[str]:
    """The files that HAProxy reads for these, and the record of each fragment."""
    fragments = [one.filename for one in artifacts.fragments]
    return {*fragments, *(f"record/{name}.json" for name in fragments), *artifacts.maps, *artifacts.files}


def _still(artifacts: Artifacts, name: str, written: Fragment | None) -> bool:
    """Whether the fragment of this name is what was written (None: it was gone)."""
    found = next((one for one in artifacts.fragments if one.filename == name), None)
    return found is written or found == written


def _order(name: str) -> tuple[bool, str]:
    """A file comes after those that it refers to."""
    return name.endswith(".cfg"), name
