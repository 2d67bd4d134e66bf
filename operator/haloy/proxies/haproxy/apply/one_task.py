"""Work in the background that ends by itself when there is none left."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class OneTask:
    """At most one task at a time runs `work`; `name` is for people who look at tasks."""

    def __init__(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._name = name
        self._work = work
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """There is something to do."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work(), name=self._name)

    async def close(self) -> None:
        """End it, wherever it is."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
