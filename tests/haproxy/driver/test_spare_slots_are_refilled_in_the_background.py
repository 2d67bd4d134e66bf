"""Few spare slots are left: a reload in the background brings more, and nobody waits for it."""

from pathlib import Path

from haloy.proxies.base import Applied
from haloy.proxies.haproxy.events import Event, Reloaded
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, settled
from tests.support.ports import free_port


def causes(events: list[Event]) -> list[list[str]]:
    return [[reason.cause.value for reason in event.reasons] for event in events if isinstance(event, Reloaded)]


async def test_before_there_are_none(tmp_path: Path) -> None:
    listeners = fleet(free_port())
    events: list[Event] = []
    async with haproxy(tmp_path, listeners, events, spare_slots=8) as proxy:
        for number in range(1, 31):
            outcome = await proxy.apply(delivery(listeners, (), [cluster(f"c{one}", []) for one in range(number)]))
            assert isinstance(outcome, Applied)
            assert bool(outcome.reload) is (number == 1), "the first brings the profile, all others find a slot"
            await settled(proxy)
    assert causes(events)[0] == ["new-profile"]
    assert set(map(tuple, causes(events)[1:])) == {("pool-refill",)}
    assert len(causes(events)) >= 4


async def test_a_pool_that_is_exhausted_at_once_reloads_and_says_so(tmp_path: Path) -> None:
    listeners = fleet(free_port())
    events: list[Event] = []
    async with haproxy(tmp_path, listeners, events, spare_slots=8) as proxy:
        await proxy.apply(delivery(listeners, (), [cluster("c0", [])]))
        outcome = await proxy.apply(delivery(listeners, (), [cluster(f"c{one}", []) for one in range(40)]))
        assert isinstance(outcome, Applied)
        assert [reason.cause.value for reason in outcome.reload] == ["pool-exhausted"]
        assert outcome.reload[0].source is not None
        assert "more Backends" in outcome.reload[0].detail
        after = await proxy.apply(delivery(listeners, (), [cluster(f"c{one}", []) for one in range(45)]))
        assert isinstance(after, Applied)
        assert not after.reload, "the pools were filled up with that reload"


async def test_a_change_is_not_kept_waiting_until_a_refill_is_due(tmp_path: Path) -> None:
    listeners = fleet(free_port())
    events: list[Event] = []
    async with haproxy(tmp_path, listeners, events, spare_slots=8, min_reload_interval=3600.0) as proxy:
        await proxy.apply(delivery(listeners, (), [cluster("c0", [])]))
        for number in range(2, 10):
            outcome = await proxy.apply(delivery(listeners, (), [cluster(f"c{one}", []) for one in range(number)]))
            assert isinstance(outcome, Applied)
            assert not outcome.reload
        assert not proxy.settled(), "a refill waits"
    assert causes(events) == [["new-profile"]], "it is cancelled at the end"
