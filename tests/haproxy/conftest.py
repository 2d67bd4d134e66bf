"""What every test with a real HAProxy needs: the binary."""

from pathlib import Path

import pytest

from haloy.proxies.haproxy.process.binary import find_binary


@pytest.fixture(scope="session")
def haproxy_binary() -> Path:
    """HAProxy as haloy itself finds it."""
    return find_binary(None)
