"""Counters and facts, under the users' names."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from haloy.proxies.base import Measurements, ProxyInfo, Traffic
from haloy.proxies.haproxy import names
from haloy.proxies.haproxy.runtime.cli_parsers import StatRow, Table, parse_info, parse_stat, parse_tables
from haloy.proxies.haproxy.runtime.master_api import Processes
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi

_SERVERS_AND_BACKENDS = "show stat -1 6 -1"
"""2: backends, 4: servers (HAProxy's management manual, `show stat`)."""


async def measure(
    api: RuntimeApi,
    processes: Processes,
    *,
    clusters: Mapping[str, str],
    baselines: Mapping[str, Traffic],
    routes: bool,
    reloads: int,
) -> Measurements:
    """Read everything. `clusters`: by section, whose it is; `baselines`: what a section had counted when its present Cluster
    got it; `routes`: whether the table of counters by route exists; `reloads`: how many there were.

    Raises what `RuntimeApi.run` raises, ValueError for an unknown shape.
    """
    commands = ["show info", _SERVERS_AND_BACKENDS]
    answers = await api.run([*commands, f"show table {names.ROUTES}"] if routes else commands)
    info = parse_info(answers[0])
    by_cluster, endpoints = await asyncio.to_thread(lambda: by_name(parse_stat(answers[1]), clusters, baselines))
    tables = parse_tables(answers[2]) if routes else ()
    return Measurements(proxy_info(info, processes, reloads), by_route(tables), by_cluster, endpoints)


def by_name(
    rows: tuple[StatRow, ...], clusters: Mapping[str, str], baselines: Mapping[str, Traffic]
) -> tuple[dict[str, Traffic], dict[tuple[str, str], Traffic]]:
    """Rows of backends and servers, by Cluster and by endpoint. Sections that are no Cluster's are left out: haloy's own, free
    slots, and those that rest. A server is deleted before its slot gets another user, so it has no baseline. Pure."""
    by_cluster: dict[str, Traffic] = {}
    endpoints: dict[tuple[str, str], Traffic] = {}
    for row in rows:
        cluster = clusters.get(row.proxy)
        if cluster is None or row.server == "FRONTEND":
            continue
        if row.server == "BACKEND":
            by_cluster[cluster] = _beyond(_traffic(row), baselines.get(row.proxy))
        else:
            endpoints[cluster, names.endpoint_of(row.server)] = _traffic(row)
    return by_cluster, endpoints


def section_traffic(rows: tuple[StatRow, ...]) -> dict[str, Traffic]:
    """What each section has counted since the process started: its baseline, should it get another user. Pure."""
    return {row.proxy: _traffic(row) for row in rows if row.server == "BACKEND"}


def _beyond(counted: Traffic, baseline: Traffic | None) -> Traffic:
    """What was counted after `baseline`. Sessions, queue and response time are no sums."""
    if baseline is None:
        return counted
    return replace(
        counted,
        requests=max(counted.requests - baseline.requests, 0),
        errors_4xx=max(counted.errors_4xx - baseline.errors_4xx, 0),
        errors_5xx=max(counted.errors_5xx - baseline.errors_5xx, 0),
        bytes_in=max(counted.bytes_in - baseline.bytes_in, 0),
        bytes_out=max(counted.bytes_out - baseline.bytes_out, 0),
    )


def by_route(tables: tuple[Table, ...]) -> dict[str, Traffic]:
    """The table of counters, by `namespace/name`. 4xx are counted in gpc0, 5xx in gpc1, since HAProxy's own
    http_err_cnt and http_fail_cnt leave out the answers that it gives by itself. haloy's own
    keys (redirects, requests that no candidate of a chain took) hold no slash and are left out. Pure."""
    return {
        entry["key"]: Traffic(
            requests=_counter(entry, "http_req_cnt"),
            errors_4xx=_counter(entry, "gpc0"),
            errors_5xx=_counter(entry, "gpc1"),
            bytes_in=_counter(entry, "bytes_in_cnt"),
            bytes_out=_counter(entry, "bytes_out_cnt"),
        )
        for table in tables
        for entry in table.entries
        if "/" in entry["key"]
    }


def proxy_info(info: Mapping[str, str], processes: Processes, reloads: int) -> ProxyInfo:
    """`show info` and `show proc` in one value. Pure."""
    return ProxyInfo(
        name="haproxy",
        version=info.get("Version", ""),
        pids=(processes.master.pid, *(worker.pid for worker in processes.workers)),
        old_pids=tuple(worker.pid for worker in processes.old_workers),
        max_connections=int(info.get("Maxconn", 0)),
        max_sockets=int(info.get("Maxsock", 0)),
        reloads=reloads,
        connections=int(info.get("CurrConns", 0)),
    )


def _traffic(row: StatRow) -> Traffic:
    return Traffic(
        requests=row.number("req_tot") or sum(row.number(f"hrsp_{kind}") for kind in _RESPONSES),
        errors_4xx=row.number("hrsp_4xx"),
        errors_5xx=row.number("hrsp_5xx"),
        bytes_in=row.number("bin"),
        bytes_out=row.number("bout"),
        sessions=row.number("scur"),
        queue=row.number("qcur"),
        response_ms=row.number("rtime"),
    )


_RESPONSES = ("1xx", "2xx", "3xx", "4xx", "5xx", "other")


def _counter(entry: Mapping[str, str], name: str) -> int:
    return int(entry.get(name, "0"))
