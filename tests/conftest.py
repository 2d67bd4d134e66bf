"""Flags that all tests share."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-goldens", action="store_true", help="write the expected output of every golden test anew"
    )


@pytest.fixture(scope="session")
def update_goldens(request: pytest.FixtureRequest) -> bool:
    """Whether golden tests are to write what they would otherwise compare."""
    return bool(request.config.getoption("--update-goldens"))
