"""`haloy` as a person runs it: a process with its own arguments, input, output and environment."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.binary import setting
from tests.support.warm import Outcome, outcome

SCRIPT = Path(sys.executable).parent / "haloy"
"""The console script. Tests about starting run it, `haloy` below what it runs."""
EXAMPLES = Path(__file__).parents[2] / "examples"


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The test's environment without any setting of haloy's, wide enough that no line is folded."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HALOY_")}
    return {**kept, **setting(), "COLUMNS": "200", "NO_COLOR": "1", **(more or {})}


def haloy(
    *arguments: object, cwd: Path | None = None, stdin: bytes = b"", env: Mapping[str, str] | None = None
) -> Outcome:
    """Run `haloy` to its end."""
    return outcome([*map(str, arguments)], environment(env), cwd, stdin)
