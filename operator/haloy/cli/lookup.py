"""One look at DNS, for verbs that run once."""

import asyncio
from collections.abc import Collection, Mapping

from haloy.api.snapshot import Resolution
from haloy.clock import SystemClock
from haloy.sources.dns import Resolver
from haloy.sources.store import Store

PATIENCE = 6.0
"""Seconds for all names together; one look-up gives up after 5."""


def look_up(names: Collection[str]) -> Mapping[str, Resolution]:
    """Ask as `haloy serve` does, once. A name without an answer in time has an error, and no address."""
    return asyncio.run(_look_up(names)) if names else {}


async def _look_up(names: Collection[str]) -> Mapping[str, Resolution]:
    store = Store(SystemClock(), [])
    resolver = Resolver(store)
    resolver.want(names)
    running = asyncio.create_task(resolver.run())
    try:
        await resolver.first_answers(PATIENCE)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    late = Resolution(error=f"no answer within {PATIENCE:g} s")
    found = store.snapshot().resolutions
    return {name: found.get(name, late) for name in names}
