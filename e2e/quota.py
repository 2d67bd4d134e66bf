"""How many tests must have run on a cluster. A run in CI that skipped some of them, for whatever reason, fails."""

AT_LEAST = {"control_plane": 93, "cluster": 12}
"""By the fixture that the tests use. Raise it when tests are added; lower it only together with the tests that go."""


def shortfall(passed: dict[str, int]) -> list[str]:
    """Sentences; none: enough tests ran."""
    return [
        f"{passed.get(fixture, 0)} tests with the fixture {fixture} passed, at least {wanted} must (e2e/quota.py)"
        for fixture, wanted in AT_LEAST.items()
        if passed.get(fixture, 0) < wanted
    ]
