from pathlib import Path

import pytest

from haloy.clock import FakeClock
from haloy.model.refs import ObjectRef
from haloy.proxies.base import Applied, Postponed, ReloadCause, ReloadReason
from haloy.proxies.haproxy.apply.budget import BURST, OF_ONE_OBJECT, ReloadBudget
from tests.haproxy.driver.models import cluster, delivery, fleet, local, novel
from tests.haproxy.driver.test_reloads_keep_their_distance import slow_to_reload
from tests.support.ports import free_port

HARD_STOP_AFTER, MAX_RELOADS = 600, 50
"""As in render/templates/global.cfg.j2."""


def by(name: str) -> tuple[ReloadReason, ...]:
    return (ReloadReason(ReloadCause.NEW_REGULAR_EXPRESSION, ObjectRef("Route", "web", name), "new"),)


REFILL = (ReloadReason(ReloadCause.POOL_REFILL, None, "few"),)
RECOVERY = (ReloadReason(ReloadCause.RECOVERY, None, "dead"),)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def budget(clock: FakeClock) -> ReloadBudget:
    return ReloadBudget(clock, 5.0)


def test_a_burst_waits_for_the_interval_only(clock: FakeClock) -> None:
    budget = ReloadBudget(clock, 0.1)
    for number in range(BURST):
        assert budget.pause(by(f"r{number}")) <= 0
        budget.spend(by(f"r{number}"))
        clock.advance(0.1)
    assert 50 < budget.pause(by("other")) <= 60


def test_no_connection_is_cut_for_the_number_of_reloads(clock: FakeClock, budget: ReloadBudget) -> None:
    at: list[float] = []
    while clock.monotonic() < 3 * HARD_STOP_AFTER:
        if budget.pause(REFILL) <= 0:
            budget.spend(REFILL)
            at.append(clock.monotonic())
        clock.advance(1)
    most = max(sum(1 for other in at if first <= other < first + HARD_STOP_AFTER) for first in at)
    assert 40 < most <= MAX_RELOADS


def test_quiet_fills_it_up_again(clock: FakeClock, budget: ReloadBudget) -> None:
    for _ in range(BURST):
        budget.spend(REFILL)
    assert budget.pause(REFILL) == pytest.approx(60)
    clock.advance(60 * BURST)
    for _ in range(BURST - 1):
        budget.spend(REFILL)
    assert budget.pause(REFILL) == 5


def test_one_object_leaves_the_most_to_the_others(clock: FakeClock, budget: ReloadBudget) -> None:
    for _ in range(OF_ONE_OBJECT):
        budget.spend(by("busy"))
        clock.advance(5)
    assert budget.pause(by("busy")) > 5
    assert budget.pause(by("other")) <= 0
    assert budget.pause((*by("busy"), *by("other"))) <= 0, "one reload for both"


def test_what_recovers_haproxy_is_not_put_off(clock: FakeClock, budget: ReloadBudget) -> None:
    for _ in range(BURST):
        budget.spend(REFILL)
    budget.exhaust()
    clock.advance(5)
    assert budget.pause(RECOVERY) <= 0


async def test_a_backend_that_changes_its_settings_all_the_time(tmp_path: Path) -> None:
    clock, port = FakeClock(), free_port()
    listeners = fleet(port)
    async with slow_to_reload(tmp_path, port, clock) as proxy:
        for number in range(OF_ONE_OBJECT):
            outcome = await proxy.apply(delivery(listeners, (), [novel(cluster("busy", []), number)]))
            assert isinstance(outcome, Applied)
            clock.advance(5)
        busy = novel(cluster("busy", [local(1)]), OF_ONE_OBJECT)
        late = await proxy.apply(delivery(listeners, (), [busy]))
        assert isinstance(late, Postponed)
        assert late.seconds > 5
        other = await proxy.apply(delivery(listeners, (), [busy, novel(cluster("other", []), 100)]))
        assert isinstance(other, Applied), "and what waits is live with it"
