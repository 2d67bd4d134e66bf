"""The source that reads a directory of manifests and watches it."""

import asyncio
import logging
from collections.abc import Collection, Mapping
from pathlib import Path

from watchfiles import Change

from haloy.clock import Clock
from haloy.sources.directory import SETTLE, Directory
from haloy.sources.last_good import LastGood, Objects
from haloy.sources.store import Store
from haloy.sources.tree import SUFFIXES, identity_of
from haloy.sources.watch import DirectoryWatch

_LOG = logging.getLogger(__name__)
RESCAN = 30.0
"""Seconds after which everything is looked at even if nothing was announced (network file systems announce nothing)."""
COALESCE = 0.05
"""Seconds from one reading to the next at least; the first change after a quiet time is read at once."""
SAVE_AFTER, SAVED_A_SECOND, LATEST_SAVE = 0.3, 2_000, 10.0
"""Seconds after a reading until valid objects are kept for a restart, longer where they are many (files a second): a change goes live first."""
_ROOT_POLL = 0.1


class FilesSource:
    """Route, Backend, HealthPolicy and Secret from every `*.yaml`, `*.yml` and `*.json` below `directory`.

    The last valid version of every object is kept below `state` (None: only in memory), so that a broken file loses nothing,
    over a restart either. As long as there is no directory at the start, nothing is delivered: whatever ran before goes on.
    """

    name = "files"

    def __init__(self, directory: Path, clock: Clock, state: Path | None = None) -> None:
        self._root = directory.absolute()
        self._clock = clock
        self._last_good = LastGood(state / "objects", self._root) if state is not None else None
        self._wake = asyncio.Event()
        self._unlinked: set[str] = set()
        self._touched: set[str] | None = None
        """The paths announced since the last reading; None: something may have been missed."""
        self._names: frozenset[str] = frozenset()
        self._watch = DirectoryWatch(self._notice)
        self._unsaved: dict[str, Objects | None] = {}
        self._save_now = asyncio.Event()
        self._delivered = False
        self._everything = False

    def resync(self) -> None:
        """Read everything now (SIGHUP), also what does not look changed."""
        self._everything = True
        self._touched = None
        self._watch.restart()
        self._wake.set()

    async def run(self, store: Store) -> None:
        """Deliver until cancelled."""
        before = await asyncio.to_thread(self._last_good.load) if self._last_good is not None else {}
        directory = Directory(self._root, self._clock, before)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch.run())
            tasks.create_task(self._follow_root())
            tasks.create_task(self._read(directory, store))
            tasks.create_task(self._rescan(directory))
            tasks.create_task(self._save())

    async def _read(self, directory: Directory, store: Store) -> None:
        while True:
            self._wake.clear()
            everything, self._everything = self._everything, False
            touched, self._touched = self._touched, set()
            unlinked = frozenset(self._unlinked)
            found = await asyncio.to_thread(directory.read, unlinked, everything=everything, touched=touched)
            self._unlinked = {path for path in self._unlinked if identity_of(path) is None}
            self._names = found.names
            self._watch.set(found.directories)
            again: float | None = None
            if found.root_missing and not self._delivered:
                store.report(self.name, found.reading.rejections)
            else:
                again = store.replace(self.name, found.reading)
                self._delivered = True
                if again is None:
                    directory.forget()
                    self._unlinked.clear()
                self._unsaved.update(directory.unsaved())
                self._save_now.set()
            await asyncio.sleep(COALESCE if again is None else min(COALESCE, again))
            try:
                async with asyncio.timeout(None if again is None else max(again - COALESCE, 0.001)):
                    await self._wake.wait()
            except TimeoutError:
                if again is not None and again > SETTLE:
                    self._touched = None

    async def _rescan(self, directory: Directory) -> None:
        """Find what nobody announced. Changes that are announced meanwhile do not wait for that."""
        while True:
            await asyncio.sleep(RESCAN)
            touched = await asyncio.to_thread(directory.survey)
            if touched is None:
                self._touched = None
            elif self._touched is not None:
                self._touched |= touched
            if touched is None or touched:
                self._wake.set()

    async def _save(self) -> None:
        """What an orderly end finds unsaved is saved then."""
        try:
            while True:
                await self._save_now.wait()
                self._save_now.clear()
                if self._unsaved:
                    await asyncio.sleep(min(SAVE_AFTER + len(self._unsaved) / SAVED_A_SECOND, LATEST_SAVE))
                    changed, self._unsaved = self._unsaved, {}
                    await asyncio.to_thread(self._keep, changed)
        finally:
            self._keep(self._unsaved)

    def _keep(self, changed: Mapping[str, Objects | None]) -> None:
        """Blocking."""
        if self._last_good is None or not changed:
            return
        try:
            self._last_good.save(changed)
        except OSError as error:
            _LOG.warning("the last valid objects cannot be saved, a restart may lose those of broken files: %s", error)

    async def _follow_root(self) -> None:
        """See the root itself vanish, come back or be replaced, which nobody announces to those who watch inside of it."""
        identity = identity_of(self._root)
        while True:
            await asyncio.sleep(_ROOT_POLL)
            if (now := identity_of(self._root)) != identity:
                identity = now
                self.resync()

    def _notice(self, changes: Collection[tuple[Change, str]]) -> None:
        """Wake up for what may matter. Writing to a file of another kind does not, or a log beside the manifests would keep
        haloy reading."""
        if not changes:
            self._touched = None
        for change, path in changes:
            if change is Change.deleted:
                self._unlinked.add(path)
            if self._touched is not None:
                self._touched.add(path)
        if not changes or any(change is not Change.modified or self._matters(path) for change, path in changes):
            self._wake.set()

    def _matters(self, path: str) -> bool:
        return path.endswith(SUFFIXES) or path.rpartition("/")[2] in self._names
