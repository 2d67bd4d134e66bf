"""Back-off grows, is bounded and jittered."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haloy.health.retry import Backoff, retry


def test_delays_double_up_to_the_longest() -> None:
    assert list(Backoff(1, 2, 5, attempts=6).delays(lambda: 0)) == [1, 2, 4, 5, 5]


@given(chance=st.floats(0, 1), jitter=st.floats(0, 1))
def test_jitter_only_shortens(chance: float, jitter: float) -> None:
    full = [1, 2, 4, 8, 10, 10, 10]
    delays = list(islice(Backoff(1, 2, 10, jitter, None).delays(lambda: chance), 7))
    for delay, longest in zip(delays, full, strict=True):
        assert longest * (1 - jitter) <= delay <= longest


async def test_it_is_tried_until_it_works() -> None:
    naps: list[float] = []
    errors = [ValueError("1"), ValueError("2")]

    async def operation() -> str:
        if errors:
            raise errors.pop(0)
        return "done"

    async def sleep(seconds: float) -> None:
        naps.append(seconds)

    assert await retry(operation, ValueError, Backoff(1, 2, 10, 0), sleep) == "done"
    assert naps == [1, 2]


async def test_the_last_error_is_raised_and_others_at_once() -> None:
    naps: list[float] = []

    async def sleep(seconds: float) -> None:
        naps.append(seconds)

    async def operation() -> None:
        raise ValueError(str(len(naps)))

    with pytest.raises(ValueError, match="2"):
        await retry(operation, ValueError, Backoff(attempts=3), sleep)
    with pytest.raises(ValueError, match="2"):
        await retry(operation, KeyError, Backoff(attempts=3), sleep)
    assert len(naps) == 2
