"""Changes in directories, as the kernel announces them; a hint to look, never the truth."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import aclosing, suppress

from watchfiles import Change, awatch

from haloy.sources.tree import identity_of

_LOG = logging.getLogger(__name__)
_STEP = 4
"""Milliseconds; the kernel's events are collected until one such step brings none. Each costs some µs, idle or not."""
_DEBOUNCE = 50
_RETRY = 1.0

Notify = Callable[[Collection[tuple[Change, str]]], None]


class DirectoryWatch:
    """Watches directories, each by itself and not what is below it, because links may be swapped anywhere.

    `notify` gets each batch of changes; an empty batch means: something may have been missed, look at everything. It is called
    in the event loop, about 6 ms after the change, and at least once after every change of `directories`.
    """

    def __init__(self, notify: Notify) -> None:
        self._notify = notify
        self._directories: Mapping[str, tuple[int, int]] = {}
        self._changed = asyncio.Event()

    def set(self, directories: Mapping[str, tuple[int, int]]) -> None:
        """Watch these from now on, (device, inode) by path: a path whose directory was replaced is watched anew."""
        if directories != self._directories:
            self._directories = dict(directories)
            self._changed.set()

    def restart(self) -> None:
        """Watch all directories anew, because one of them may be another one now."""
        self._changed.set()

    async def run(self) -> None:
        """Watch until cancelled. Where watching is impossible (out of inotify watches, say) it is tried again and again, and
        every time counts as a change: then haloy looks once a second."""
        warned = False
        while True:
            self._changed.clear()
            change = asyncio.ensure_future(self._changed.wait())
            watch = asyncio.ensure_future(self._watch())
            try:
                await asyncio.wait({change, watch}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                change.cancel()
                watch.cancel()
                (result,) = await asyncio.gather(watch, return_exceptions=True)
            if isinstance(result, Exception) and not isinstance(result, FileNotFoundError) and not warned:
                warned = True
                _LOG.warning("directories cannot be watched (%s), so they are looked at once a second", result)
            with suppress(TimeoutError):
                async with asyncio.timeout(_RETRY):
                    await self._changed.wait()
            self._notify(())

    async def _watch(self) -> None:
        paths = [path for path in self._directories if identity_of(path) is not None]
        if not paths:
            await asyncio.Event().wait()
        changes = awatch(*paths, watch_filter=None, debounce=_DEBOUNCE, step=_STEP, recursive=False)
        async with aclosing(changes):
            first = asyncio.ensure_future(anext(changes))
            try:
                await asyncio.sleep(0)  # Up to its first wait `awatch` runs at once: now the kernel watches.
                self._notify(())
                batch = await first
            finally:
                first.cancel()
                await asyncio.gather(first, return_exceptions=True)
            while True:
                self._notify(batch)
                if any(change is Change.deleted and path in self._directories for change, path in batch):
                    self._changed.set()
                batch = await anext(changes)
