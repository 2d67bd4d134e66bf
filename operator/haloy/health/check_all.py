"""Many checks, a few at a time."""

import asyncio
from collections.abc import Iterable

from haloy.health.check import check
from haloy.health.target import CheckImpossibleError, CheckResult, MonitorTarget
from haloy.model.health import EndpointKey

AT_ONCE = 10


async def check_all(targets: Iterable[MonitorTarget], at_once: int = AT_ONCE) -> dict[EndpointKey, CheckResult | None]:
    """Check every target once, at most `at_once` at the same time. None: the check was not possible on this machine."""
    slots = asyncio.Semaphore(at_once)
    results: dict[EndpointKey, CheckResult | None] = {}

    async def one(target: MonitorTarget) -> None:
        async with slots:
            try:
                results[target.key] = await check(target)
            except CheckImpossibleError:
                results[target.key] = None

    async with asyncio.TaskGroup() as tasks:
        for target in targets:
            tasks.create_task(one(target))
    return results
