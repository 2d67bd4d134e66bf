"""Which HAProxy the tests drive: the one that haloy finds by itself, or the one of `make test HAPROXY=PATH`."""

import os
from pathlib import Path

from haloy.proxies.haproxy.process.binary import find_binary

VARIABLE = "HALOY_TEST_HAPROXY"
"""Only tests read this; haloy's own setting is HALOY_HAPROXY, which some tests need for themselves."""


def chosen() -> Path | None:
    """What the variable names, None without it."""
    path = os.environ.get(VARIABLE)
    return Path(path).absolute() if path else None


def haproxy() -> Path:
    """Raises BinaryError when there is none."""
    return find_binary(chosen())


def setting() -> dict[str, str]:
    """What a haloy that a test starts needs in its environment, so that it runs the same one."""
    path = chosen()
    return {"HALOY_HAPROXY": str(path)} if path else {}
