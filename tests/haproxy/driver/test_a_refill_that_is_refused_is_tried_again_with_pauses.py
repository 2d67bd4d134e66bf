import asyncio

from haloy.proxies.base import Applied, Failed, Outcome, Postponed, Refusal
from haloy.proxies.haproxy.apply.refill import FIRST_PAUSE, Refill
from tests.support.small_haproxy import eventually


async def test_in_growing_ones_and_told() -> None:
    outcomes: list[Outcome] = [
        Postponed("r", 3.0, ()),
        Failed("r", "check", (Refusal(None, "no"),)),
        Failed("r", "write", (Refusal(None, "disk full"),)),
        Applied("r"),
    ]
    slept: list[float] = []
    told: list[str] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(0)

    async def attempt() -> Outcome | None:
        return outcomes.pop(0)

    refill = Refill(sleep, lambda: bool(outcomes), attempt, told.append)
    refill.wake()
    refill.wake()

    async def done() -> bool:
        return not refill.waiting

    await eventually(done, "the pools are full")
    assert slept == [3.0, FIRST_PAUSE, 2 * FIRST_PAUSE]
    assert len(told) == 2
    assert told[0].endswith("no")
    await refill.close()


async def test_and_ends_with_haloy() -> None:
    async def attempt() -> Outcome | None:
        await asyncio.Event().wait()
        return None

    refill = Refill(asyncio.sleep, lambda: True, attempt, lambda text: None)
    refill.wake()
    await asyncio.sleep(0)
    assert refill.waiting
    await refill.close()
    assert not refill.waiting
