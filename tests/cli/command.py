"""The real console script, run as a person runs it."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.binary import setting

SCRIPT = Path(sys.executable).parent / "haloy"
EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True, slots=True)
class Outcome:
    code: int
    out: str
    err: str


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The test's environment without any setting of haloy's, wide enough that no line is folded."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HALOY_")}
    return {**kept, **setting(), "COLUMNS": "200", "NO_COLOR": "1", **(more or {})}


def haloy(
    *arguments: object, cwd: Path | None = None, stdin: bytes = b"", env: Mapping[str, str] | None = None
) -> Outcome:
    """Run `haloy` to its end. No outcome ever shows a traceback."""
    done = subprocess.run(
        [SCRIPT, *map(str, arguments)],
        cwd=cwd,
        input=stdin,
        env=environment(env),
        capture_output=True,
        timeout=60,
        check=False,
    )
    outcome = Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert "Traceback" not in outcome.err, outcome.err
    return outcome
