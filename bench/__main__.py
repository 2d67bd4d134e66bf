"""`python -m bench`: see `--help`."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.peers import BASELINE, GOALS, PROXIES
from bench.run import BenchError, Failed, Measured, Plan, measure
from bench.table import as_json, as_text

_ROOT = Path(__file__).resolve().parent.parent
_DEFAULT = Plan()


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 when every installed proxy was measured, whatever its figures: goals are printed, not enforced."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="CPU per proxied request, haloy beside others."
    )
    parser.add_argument("--rounds", type=int, default=_DEFAULT.rounds, help="rounds over all proxies [%(default)s]")
    parser.add_argument("--requests", type=int, default=_DEFAULT.requests, help="a round and proxy [%(default)s]")
    parser.add_argument(
        "--only", action="append", choices=tuple(PROXIES), metavar="NAME", help=f"may be repeated; {', '.join(PROXIES)}"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument(
        "--peers", type=Path, default=_ROOT / ".venv-bench", metavar="DIR", help="where the peers' wheels are installed"
    )
    options = parser.parse_args(arguments)
    try:
        plan = Plan(options.rounds, options.requests)
    except ValueError as error:
        parser.error(str(error))
    chosen = {
        name: prepare for name, prepare in PROXIES.items() if not options.only or name in {BASELINE, *options.only}
    }
    try:
        results = measure(chosen, plan, options.peers, lambda text: print(text, file=sys.stderr))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    baseline = results[BASELINE]
    if not isinstance(baseline, Measured):
        print(f"bench: without the baseline there are no ratios: {baseline.reason}", file=sys.stderr)
        return 1
    print(as_text(results, BASELINE, GOALS, plan), end="")
    if options.json:
        options.json.write_text(as_json(results, BASELINE, GOALS, plan))
    return 1 if any(isinstance(result, Failed) for result in results.values()) else 0


if __name__ == "__main__":
    # Ends like Ctrl-C does: through the blocks that stop the proxies.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(main())
