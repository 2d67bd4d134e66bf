"""The state machine, against a plain reading of the rule."""

from hypothesis import given
from hypothesis import strategies as st

from haloy.health.state import HealthState, after
from haloy.health.target import CheckResult
from haloy.model.health import Health, HealthCheck, TcpCheck

RESULTS = st.lists(st.booleans(), max_size=40)
THRESHOLD = st.integers(1, 6)


def health(results: list[bool], check: HealthCheck) -> Health:
    state = HealthState()
    for passed in results:
        state = after(state, CheckResult(passed, str(passed)), check)
        assert state.reason == str(passed)
    return state.health


def row(results: list[bool]) -> tuple[bool, int]:
    """The last result, and how many times in a row it came."""
    count = 0
    while count < len(results) and results[-1 - count] == results[-1]:
        count += 1
    return results[-1], count


@given(RESULTS, THRESHOLD, THRESHOLD, st.booleans())
def test_the_level_changes_exactly_when_a_row_is_long_enough(
    results: list[bool], fall: int, rise: int, start_unhealthy: bool
) -> None:
    check = HealthCheck(TcpCheck(), fall=fall, rise=rise, start_unhealthy=start_unhealthy)
    expected = Health.UNKNOWN
    for end in range(1, len(results) + 1):
        last, count = row(results[:end])
        if expected is Health.UNKNOWN:
            passes, failures = (rise, 1) if start_unhealthy else (1, fall)
        else:
            passes, failures = rise, fall
        if last and count >= passes:
            expected = Health.HEALTHY
        elif not last and count >= failures:
            expected = Health.UNHEALTHY
        assert health(results[:end], check) is expected


def test_nothing_is_known_before_the_first_result() -> None:
    assert HealthState().health is Health.UNKNOWN


def test_an_endpoint_that_starts_in_the_rotation_is_confirmed_by_one_pass() -> None:
    check = HealthCheck(TcpCheck(), fall=3, rise=2)
    assert health([True], check) is Health.HEALTHY
    assert health([False, False], check) is Health.UNKNOWN
    assert health([False, False, False], check) is Health.UNHEALTHY


def test_an_endpoint_that_starts_outside_needs_the_full_rise() -> None:
    check = HealthCheck(TcpCheck(), fall=3, rise=2, start_unhealthy=True)
    assert health([True], check) is Health.UNKNOWN
    assert health([True, True], check) is Health.HEALTHY
    assert health([False], check) is Health.UNHEALTHY
