"""The figures as a table for a terminal, and as JSON."""

import json
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, assert_never

from bench.run import Failed, Measured, Plan, Result
from bench.site import Missing

Results = Mapping[str, Result]


def ratios(proxy: Measured, baseline: Measured) -> tuple[float, ...]:
    """One ratio a round, of neighbours in time, so that a slower spell of the machine cancels out."""
    return tuple(a / b for a, b in zip(proxy.rounds, baseline.rounds, strict=True))


def as_text(results: Results, baseline: str, goals: Mapping[str, float], plan: Plan) -> str:
    """Every proxy with its ratio to the baseline, then haloy's ratio to everybody else."""
    base = results[baseline]
    assert isinstance(base, Measured), "the caller refuses to go on without the baseline"
    header = ("proxy", "µs/request", f"of {baseline}", "spread", "goal", "idle ms/s", "log", "lacks")
    rows = [header]
    for name, result in results.items():
        if not isinstance(result, Measured):
            rows.append((name, _absence(result), "", "", "", "", "", result.reason))
            continue
        found = ratios(result, base)
        rows.append(
            (
                name,
                f"{median(result.rounds):.1f}",
                f"{median(found):.2f}",
                f"{min(found):.2f}-{max(found):.2f}",
                _goal(median(found), goals.get(name)),
                f"{result.idle:.1f}",
                _log(result),
                ", ".join(result.lacks) or "-",
            )
        )
    parts = [_heading(plan), columns(rows)]
    for name in goals:
        loaded = results.get(name)
        if isinstance(loaded, Measured):
            parts.append(_against_others(name, loaded, results))
    return "\n\n".join(parts) + "\n"


def as_json(results: Results, baseline: str, goals: Mapping[str, float], plan: Plan) -> str:
    base = results[baseline]
    assert isinstance(base, Measured), "the caller refuses to go on without the baseline"
    proxies: dict[str, Any] = {}
    for name, result in results.items():
        if not isinstance(result, Measured):
            proxies[name] = {_absence(result): result.reason}
            continue
        found = ratios(result, base)
        proxies[name] = {
            "us_per_request": median(result.rounds),
            "rounds_us": result.rounds,
            "own_us_per_request": result.own,
            "idle_ms_per_second": result.idle,
            "ratio": median(found),
            "ratio_min": min(found),
            "ratio_max": max(found),
            "lacks": result.lacks,
        }
        if name in goals:
            proxies[name] |= {"goal": goals[name], "met": median(found) <= goals[name]}
    run = {"rounds": plan.rounds, "requests": plan.requests, "connections": plan.connections}
    return json.dumps({"baseline": baseline, "run": run, "proxies": proxies}, indent=2) + "\n"


def _heading(plan: Plan) -> str:
    return (
        f"CPU per proxied request: {plan.rounds} interleaved rounds of {plan.requests:,} GETs on {plan.connections} "
        "keep-alive connections,\n100-byte answers, plain HTTP. Medians; a ratio is taken within each round."
    )


def _absence(result: Missing | Failed) -> str:
    match result:
        case Missing():
            return "missing"
        case Failed():
            return "failed"
        case _:
            assert_never(result)


def _goal(ratio: float, goal: float | None) -> str:
    if goal is None:
        return "-"
    return f"<= {goal:.2f} {'met' if ratio <= goal else 'NOT MET'}"


def _log(result: Measured) -> str:
    if not result.log_line:
        return "none"
    try:
        return "json" if isinstance(json.loads(result.log_line), dict) else "not json"
    except ValueError:
        return "not json"


def _against_others(name: str, result: Measured, results: Results) -> str:
    lines = [f"{name} costs, of what the others cost (haloy's own processes: {result.own:.2f} µs/request beside it):"]
    others = [
        (f"  {other}", f"{median(ratios(result, peer)):.2f}")
        for other, peer in results.items()
        if other != name and isinstance(peer, Measured)
    ]
    return "\n".join([*lines, columns(others)])


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of equal length, in columns as wide as their widest cell."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
