"""What every test with a real HAProxy needs: the binary."""

from pathlib import Path

import pytest

from tests.support.binary import haproxy


@pytest.fixture(scope="session")
def haproxy_binary() -> Path:
    """HAProxy as haloy itself finds it, or as it was chosen."""
    return haproxy()
