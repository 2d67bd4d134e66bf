"""`python -m bench.rules`: CPU per request of each kind of rule, among few and many Routes of that kind, beside the same written by hand.

For one kind after the other, haloy with 1, 1,000 and 10,000 Routes and a hand-written haproxy.cfg for one Route run at once and are
loaded in turn; a ratio is taken within each round. Endpoints are checked once an hour, so that the checks of 20,000 do not count.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench.kinds import KINDS, Kind
from bench.peers import haloy, handwritten
from bench.run import BenchError, Measured, Plan, measure
from bench.site import Answer, Site
from bench.table import columns, ratios

BASELINE = "by-hand"
SIZES = (1, 1_000, 10_000)
SETTLES = 7.0
"""haloy lets HAProxy make all first checks within five seconds."""
_HEADER = ("rule", "Routes", "µs/request", "by hand", "ratio", "middle half", "goal", "idle ms/s", "haloy itself")


@dataclass(frozen=True, slots=True)
class Row:
    """What one kind costs with `routes` Routes of it."""

    kind: Kind
    routes: int
    haloy: Measured
    by_hand: Measured

    @property
    def ratio(self) -> float:
        return median(ratios(self.haloy, self.by_hand))

    @property
    def middle(self) -> tuple[float, float]:
        """Between which the middle half of the rounds lies."""
        found = ratios(self.haloy, self.by_hand)
        low, _, high = quantiles(found, n=4) if len(found) > 1 else (found[0], found[0], found[0])
        return low, high

    def cells(self) -> tuple[str, ...]:
        return (
            f"{self.kind.name}: {self.kind.words}",
            f"{self.routes:,}",
            f"{median(self.haloy.rounds):.1f}",
            f"{median(self.by_hand.rounds):.1f}",
            f"{self.ratio:.2f}",
            "{:.2f}-{:.2f}".format(*self.middle),
            f"<= {self.kind.goal:.2f} {'met' if self.ratio <= self.kind.goal else 'NOT MET'}",
            f"{self.haloy.idle:.1f}",
            f"{self.haloy.own:.2f}",
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind.name,
            "routes": self.routes,
            "us_per_request": median(self.haloy.rounds),
            "us_per_request_by_hand": median(self.by_hand.rounds),
            "ratio": self.ratio,
            "ratio_quartiles": self.middle,
            "goal": self.kind.goal,
            "rounds_us": self.haloy.rounds,
            "rounds_us_by_hand": self.by_hand.rounds,
            "idle_ms_per_second": self.haloy.idle,
        }


def rows(
    kind: Kind, sizes: Sequence[int], plan: Plan, flags: Sequence[str] | None, say: Callable[[str], None]
) -> tuple[Row, ...]:
    """One for each size that came up; `say` is told of the others. `flags` None: of the rendered configuration alone. Raises
    BenchError when the hand-written one did not start, or when one did not answer under load."""
    proxies: dict[str, Callable[[Site], Answer]] = {BASELINE: partial(handwritten.prepare, kind=kind)}
    for size in sizes:
        prepare = haloy.prepare_rendered if flags is None else partial(haloy.prepare, flags=tuple(flags))
        proxies[f"{size}"] = partial(prepare, routes=size, kind=kind, check_interval=haloy.SELDOM)
    loaded = replace(plan, headers=tuple(": ".join(header) for header in kind.headers))
    found = measure(proxies, loaded, Path(), say)
    by_hand = found[BASELINE]
    if not isinstance(by_hand, Measured):
        raise BenchError(f"{BASELINE}: {by_hand.reason}")
    measured = []
    for size in sizes:
        result = found[f"{size}"]
        if isinstance(result, Measured):
            measured.append(Row(kind, size, result, by_hand))
        else:
            say(f"{kind.name}, {size:,} Routes: not measured: {result.reason}")
    return tuple(measured)


def as_text(found: Sequence[Row], plan: Plan) -> str:
    """The table."""
    heading = (
        f"CPU per request by kind of rule: {plan.rounds} interleaved rounds of {plan.requests:,} GETs on {plan.connections} "
        "keep-alive connections,\n100-byte answers, plain HTTP. Medians; a ratio is taken within each round."
    )
    return heading + "\n\n" + columns([_HEADER, *(row.cells() for row in found)]) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 when everything was measured, whatever the figures: goals are printed, not enforced."""
    parser = argparse.ArgumentParser(prog="python -m bench.rules", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--kind", action="append", choices=tuple(KINDS), help="may be repeated; default: all")
    parser.add_argument("--routes", action="append", type=int, metavar="N", help="may be repeated; 1, 1000, 10000")
    parser.add_argument("--rounds", type=int, default=30, help="over all of one kind [%(default)s]")
    parser.add_argument("--requests", type=int, default=6_000, help="a round and proxy [%(default)s]")
    parser.add_argument("--settles", type=float, default=SETTLES, help="seconds until the first round [%(default)s]")
    parser.add_argument("--flag", action="append", default=[], metavar="FLAG", help="for haloy serve, --flag=--no-lua")
    parser.add_argument("--rendered", action="store_true", help="HAProxy alone on what `haloy render` writes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    options = parser.parse_args(arguments)
    try:
        plan = Plan(options.rounds, options.requests, settles=options.settles)
    except ValueError as error:
        parser.error(str(error))
    found: list[Row] = []
    try:
        for kind in (KINDS[name] for name in options.kind or KINDS):
            print(f"{kind.name}: {kind.words}", file=sys.stderr)
            sizes = options.routes or SIZES
            flags = None if options.rendered else options.flag
            found += rows(kind, sizes, plan, flags, lambda text: print(text, file=sys.stderr))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(as_text(found, plan), end="")
    if options.json:
        run = {"rounds": plan.rounds, "requests": plan.requests, "connections": plan.connections, "flags": options.flag}
        options.json.write_text(
            json.dumps({"run": run, "cpus": os.cpu_count(), "rows": [row.to_json() for row in found]})
        )
    return 0 if len(found) == len(options.routes or SIZES) * len(options.kind or KINDS) else 1


if __name__ == "__main__":
    # Ends like Ctrl-C does: through the blocks that stop the proxies.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(main())
