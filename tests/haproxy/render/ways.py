"""Rules as programs and rules compiled must give the same answers."""

import pytest

BOTH_WAYS = pytest.mark.parametrize("serve", [True, False], ids=["lua", "compiled"], indirect=True)
"""For tests that take `serve`."""
