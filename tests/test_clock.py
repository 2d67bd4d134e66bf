"""Both clocks keep the contract; the fake one moves only when told."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from haloy.clock import Clock, FakeClock, SystemClock


@pytest.fixture(params=[SystemClock, FakeClock])
def clock(request: pytest.FixtureRequest) -> Clock:
    return request.param()


def test_the_wall_clock_is_aware_and_in_utc(clock: Clock) -> None:
    assert clock.now().tzinfo is UTC


def test_monotonic_time_does_not_run_backwards(clock: Clock) -> None:
    first = clock.monotonic()
    assert clock.monotonic() >= first


def test_a_fake_clock_stands_still() -> None:
    clock = FakeClock()
    assert (clock.now(), clock.monotonic()) == (clock.now(), clock.monotonic())


def test_advancing_moves_both_readings_alike() -> None:
    clock = FakeClock(datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC))
    clock.advance(1.5)
    assert clock.now() == datetime(2026, 3, 1, 0, 0, 0, 500_000, tzinfo=UTC)
    assert clock.monotonic() == 1.5


def test_a_start_in_another_time_zone_is_told_in_utc() -> None:
    clock = FakeClock(datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))))
    assert clock.now() == datetime(2026, 1, 1, tzinfo=UTC)
    assert clock.now().tzinfo is UTC


def test_the_wall_clock_may_jump_back_while_monotonic_time_stays() -> None:
    clock = FakeClock()
    clock.advance(10)
    clock.set_wall(datetime(2020, 1, 1, tzinfo=UTC))
    assert clock.now() == datetime(2020, 1, 1, tzinfo=UTC)
    assert clock.monotonic() == 10
    clock.advance(1)
    assert clock.now() == datetime(2020, 1, 1, 0, 0, 1, tzinfo=UTC)


def test_time_cannot_be_advanced_backwards() -> None:
    with pytest.raises(ValueError, match="only advances"):
        FakeClock().advance(-1)


def test_a_naive_time_is_refused() -> None:
    naive = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    with pytest.raises(ValueError, match="time zone"):
        FakeClock(naive)
    with pytest.raises(ValueError, match="time zone"):
        FakeClock().set_wall(naive)
