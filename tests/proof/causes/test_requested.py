"""A reload that a person asks the driver for."""

from pathlib import Path

from haloy.proxies.base import ReloadCause
from tests.support.loop import running_loop


async def test_requested(tmp_path: Path) -> None:
    async with running_loop(tmp_path) as loop:
        loop.deliver()
        await loop.reconciler.run_cycle()
        await loop.proxy.reload()
        reasons = loop.proxy.reload_log.read()[-1].reasons
        assert [(reason.cause, reason.source) for reason in reasons] == [(ReloadCause.REQUESTED, None)]
