"""Asynchronous servers beside tests that wait by blocking: each on a loop of its own thread."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def background(server: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Enter `server` in another thread and leave it there, when the block ends."""
    entered: list[T] = []
    failed: list[BaseException] = []
    ready = threading.Event()
    leave: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def life() -> None:
        end = asyncio.Event()
        async with server as value:
            entered.append(value)
            leave.append((asyncio.get_running_loop(), end))
            ready.set()
            await end.wait()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        for _ in range(5):  # transports say goodbye in the rounds after they were closed
            await asyncio.sleep(0)

    def run() -> None:
        try:
            asyncio.run(life())
        except BaseException as error:
            failed.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait()
    try:
        if entered:
            yield entered[0]
    finally:
        for loop, end in leave:
            loop.call_soon_threadsafe(end.set)
        thread.join()
        if failed:
            raise failed[0]
