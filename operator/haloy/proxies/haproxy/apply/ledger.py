"""What is meant, on disk, at the price of what changed; the files of the generations in use.

Used by one HAProxy's transactions, with their lock held. `note`, `flush` and `close` are coroutines that write in a thread;
`create`, `write` and `repair` are blocking, for a thread of the caller's.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from haloy.proxies.haproxy.apply.book import Book, Files, texts
from haloy.proxies.haproxy.apply.candidate import ConfigFiles, revision_file
from haloy.proxies.haproxy.apply.generations import Generation, Generations, digest_of
from haloy.proxies.haproxy.apply.journal import JOURNAL, read_journal
from haloy.proxies.haproxy.apply.record import Recorded, RecordError, RecordWriter, load, settled
from haloy.proxies.haproxy.apply.reserve import Reserve
from haloy.proxies.haproxy.apply.target import Target
from haloy.proxies.haproxy.artifacts import Artifacts
from haloy.proxies.haproxy.events import Event, Noted

SETTLE_AFTER = 0.5
"""Seconds from the first change to the writing of the fragments, so that changes in quick succession write once."""

RETRY_AFTER = 2.0
"""Seconds until it is tried again after an error."""

_log = logging.getLogger(__name__)


class Ledger:
    """The books of the generations in use. `notify` hears of what could not be written in the background."""

    def __init__(
        self,
        generations: Generations,
        config_files: ConfigFiles,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        notify: Callable[[Event], None] = lambda event: None,
    ) -> None:
        self._generations = generations
        self._config_files = config_files
        self._sleep = sleep
        self._notify = notify
        self._writer = RecordWriter()
        self._reserve = Reserve(generations.link.with_name("reserve"))
        self._books: dict[Generation, Book] = {}
        self._settling: asyncio.Task[None] | None = None
        self._said = ""

    async def note(self, generation: Generation, before: Artifacts, target: Target) -> None:
        """Put `target` on record, before HAProxy is told: new PEM files, then one line in the journal, both on the disk.

        Costs what changed; the fragments that it touched follow within a second. `before`: what the record says of a
        generation that this ledger has not seen yet (`recorded` read it). Raises OSError: nothing has changed, then.
        """
        await asyncio.to_thread(self._note, generation, before, target)
        self._wake()

    async def flush(self, generation: Generation, target: Target) -> None:
        """Let every file of `generation` say `target`, and empty the journal. Raises OSError: what it says is `target` or
        what it said before, and can be told from the record and the journal."""
        await asyncio.to_thread(self.write, generation, target)

    async def close(self) -> None:
        """For an orderly end: all files say what was noted. What cannot be written is told and stays in the journal."""
        task, self._settling = self._settling, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        try:
            await asyncio.to_thread(self._fold_all)
        except OSError as error:
            self._notify(Noted(f"the journal could not be folded into the configuration: {error}"))

    def create(self, target: Target, before: Generation | None) -> Generation:
        """A new generation of `target`, complete; `before`, from which it is linked, is complete first. Raises OSError."""
        book = None if before is None else self._books.get(before)
        if book is not None:
            book.prove()
            book.fold()
        elif before is not None and not settled(before):
            self._complete(before)
        number = self._generations.reserve()
        artifacts, pem = target.artifacts, target.pem
        former = {} if book is None else book.artifacts.pem_files
        same = {path for path, digest in artifacts.pem_files.items() if former.get(path) == digest}
        contents = {
            path: book.contents[path] if book is not None and path in same else digest_of(content)
            for path, content in pem.items()
        }
        rest, files = texts(artifacts, None, self._config_files)
        record = self._writer.files(artifacts, contents, {name: digest for name, (digest, _) in files.maps.items()})
        config = {**record, **rest, **revision_file(number), JOURNAL: b""}
        made = self._generations.create(number, {**config, **pem}, before, same)
        self._hold(sum(map(len, config.values())))
        self._books = {one: held for one, held in self._books.items() if one.path.is_dir()}
        self._books[made] = self._book(made, Recorded(artifacts, contents, 0, 0), files, proven=True)
        return made

    def write(self, generation: Generation, target: Target) -> None:
        """`flush`, blocking."""
        book = self._opened(generation, None, target)
        unsure = not book.sure
        book.note(target)
        book.fold(target.pem if unsure else None)

    def repair(self, generation: Generation) -> str:
        """Let the files of `generation` but PEM say what the record and the journal say; on a full disk, in the room that was
        kept for it. Returns why that could not be written, else "". Raises RecordError."""
        said = self._repair(generation)
        if said and self._reserve.release():
            said = self._repair(generation)
        if not said:
            own = [name for name in self._generations.names(generation) if not name.startswith(("certs/", "ca/"))]
            self._hold(sum((generation.path / name).stat().st_size for name in own))
        return said

    def _repair(self, generation: Generation) -> str:
        former = self._books.pop(generation, None)
        if former is not None:
            former.retire()
        try:
            recorded = load(generation)
            if recorded.note:
                _log.warning("%s", recorded.note)
            book = self._book(generation, recorded)
            book.fold()
        except OSError as error:
            return str(error)
        self._books[generation] = book
        return ""

    def _hold(self, size: int) -> None:
        """Keep room for putting files right."""
        if (why := self._reserve.hold(size)) and why != self._said:
            _log.warning("%s; on a full disk what is live may be lost when HAProxy dies", why)
        self._said = why

    def _note(self, generation: Generation, before: Artifacts, target: Target) -> None:
        self._opened(generation, before, target).note(target)

    def _opened(self, generation: Generation, before: Artifacts | None, target: Target) -> Book:
        """The book of `generation`; where it has no record to go on from, one of `target` is written first."""
        book = self._books.get(generation)
        try:
            if book is None:
                book = self._book(generation, load(generation))
            book.prove(before)
        except RecordError as error:
            _log.warning("%s", error)
            contents = {path: digest_of(content) for path, content in target.pem.items()}
            entries = read_journal(generation.path / JOURNAL)
            recorded = Recorded(target.artifacts, contents, entries.last, entries.size)
            book = self._book(generation, recorded, proven=True)
            book.fold(target.pem)
        self._books[generation] = book
        return book

    def _book(
        self, generation: Generation, recorded: Recorded, files: Files | None = None, *, proven: bool = False
    ) -> Book:
        return Book(self._generations, self._config_files, self._writer, generation, recorded, files, proven=proven)

    def _complete(self, generation: Generation) -> None:
        try:
            self._book(generation, load(generation)).fold()
        except RecordError as error:
            _log.warning("%s", error)

    def _fold_all(self) -> None:
        for book in self._books.values():
            if book.generation.path.is_dir():
                book.fold()

    def _wake(self) -> None:
        if self._settling is None or self._settling.done():
            self._settling = asyncio.create_task(self._settle(), name="let the configuration files follow")

    async def _settle(self) -> None:
        """Until every book is settled. An error is told once, and the writing tried again."""
        pause, said = SETTLE_AFTER, False
        while books := [book for book in self._books.values() if book.unsettled or book.long]:
            await self._sleep(pause)
            for book in books:
                try:
                    await asyncio.to_thread(book.fold if book.long else book.settle)
                except OSError as error:
                    pause = RETRY_AFTER
                    if not book.generation.path.is_dir():
                        self._books.pop(book.generation, None)
                    elif not said:
                        said = True
                        self._notify(
                            Noted(f"what is live is in the journal, but not yet in the configuration: {error}")
                        )
