"""The port of every source of objects."""

from typing import Protocol

from haloy.sources.store import Store


class Source(Protocol):
    """Something that holds objects, and tells the Store about them, level by level.

    A Source delivers complete readings (`Store.replace`) or, where it is told of single changes, those in between
    (`Store.upsert`, `Store.remove`). It may deliver the same level twice; it must never deliver a level it did not read.
    """

    @property
    def name(self) -> str:
        """Under this name it is registered with the Store; unique among the sources of a process."""
        ...

    async def run(self, store: Store) -> None:
        """Deliver until cancelled. Errors of the outside world are reported as Rejections and tried again, not raised."""
        ...
