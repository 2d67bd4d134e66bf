"""Fall and rise: what a row of results means. A pure state machine, counting as HAProxy does for its own checks."""

from dataclasses import dataclass

from haloy.health.target import CheckResult
from haloy.model.health import Health, HealthCheck


@dataclass(frozen=True, slots=True)
class HealthState:
    """`streak`: results in a row that speak against `health`, or that a first verdict still waits for; positive: passes,
    negative: failures. `reason`: the last check's own words."""

    health: Health = Health.UNKNOWN
    streak: int = 0
    reason: str = "no result yet"


def after(state: HealthState, result: CheckResult, check: HealthCheck) -> HealthState:
    """The state when `result` has come in.

    `fall` failures in a row make an endpoint unhealthy, `rise` passes healthy again. The first verdict is quicker where nothing
    changes by it: an endpoint takes traffic from the start, so one pass confirms it; one that starts unhealthy takes none, so one
    failure confirms that, and `rise` passes bring it in.
    """
    streak = max(state.streak, 0) + 1 if result.passed else min(state.streak, 0) - 1
    passes, failures = _thresholds(state.health, check)
    if result.passed and (state.health is Health.HEALTHY or streak >= passes):
        return HealthState(Health.HEALTHY, 0, result.reason)
    if not result.passed and (state.health is Health.UNHEALTHY or -streak >= failures):
        return HealthState(Health.UNHEALTHY, 0, result.reason)
    return HealthState(state.health, streak, result.reason)


def _thresholds(health: Health, check: HealthCheck) -> tuple[int, int]:
    """Passes to become healthy, and failures to become unhealthy."""
    if health is not Health.UNKNOWN:
        return check.rise, check.fall
    return (check.rise, 1) if check.start_unhealthy else (1, check.fall)
