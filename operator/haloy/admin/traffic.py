"""Traffic metrics in Prometheus form, made from the proxy's own counters at each scrape, under the users' names."""

from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from haloy.proxies.base import Measurements, Traffic

_COUNTERS: tuple[tuple[str, str, str], ...] = (
    ("requests", "requests", "Requests."),
    ("errors_4xx", "errors_4xx", "Answers with a 4xx status."),
    ("errors_5xx", "errors_5xx", "Answers with a 5xx status."),
    ("bytes_in", "received_bytes", "Bytes received from clients."),
    ("bytes_out", "sent_bytes", "Bytes sent to clients."),
)
_GAUGES: tuple[tuple[str, str, str], ...] = (
    ("sessions", "sessions", "Sessions open now."),
    ("queue", "queue", "Requests that wait for a free connection."),
    ("response_ms", "response_time_ms", "Mean milliseconds to the response headers over the last 1,024 requests."),
)

_PROFILES = 50
"""Profiles that have a label of their own: those with the fewest free places."""


class TrafficCollector(Collector):
    """Turns one Measurements into metric families; a fresh one is registered for each scrape."""

    def __init__(self, measurements: Measurements) -> None:
        self._measurements = measurements

    def collect(self) -> Iterator[Metric]:
        measured = self._measurements
        yield from _families("route", ("route",), (((name,), traffic) for name, traffic in measured.routes.items()), ())
        yield from _families(
            "backend", ("backend",), (((name,), traffic) for name, traffic in measured.clusters.items()), _GAUGES
        )
        yield from _families("endpoint", ("backend", "endpoint"), measured.endpoints.items(), _GAUGES)
        yield from self._proxy()
        yield from self._room()

    def _proxy(self) -> Iterator[Metric]:
        info = self._measurements.info
        facts = (
            ("connections", "Client connections open now.", info.connections),
            ("max_connections", "Client connections possible at once (Maxconn).", info.max_connections),
            ("max_sockets", "Sockets possible at once (Maxsock).", info.max_sockets),
            (
                "old_workers",
                "Workers of earlier configurations that still finish their connections.",
                len(info.old_pids),
            ),
        )
        for name, text, value in facts:
            yield GaugeMetricFamily(f"haloy_proxy_{name}", text, value=value)
        version = GaugeMetricFamily("haloy_proxy_info", "The proxy that runs.", labels=("proxy", "version"))
        version.add_metric((info.name, info.version), 1)
        yield version

    def _room(self) -> Iterator[Metric]:
        room = self._measurements.capacity
        spare = GaugeMetricFamily(
            "haloy_proxy_spare_slots",
            f"Places for new Backends that need no reload, by profile; those of more than {_PROFILES} profiles together as other.",
            labels=("profile",),
        )
        few = sorted(room.spare.items(), key=lambda item: (item[1], item[0]))
        for profile, count in few[:_PROFILES]:
            spare.add_metric((profile,), count)
        if more := few[_PROFILES:]:
            spare.add_metric(("other",), sum(count for _, count in more))
        yield spare
        facts = (
            ("taken_slots", "Places that a Backend has.", room.taken),
            ("resting_slots", "Places that were left and still finish requests.", room.resting),
            ("spare_slot_bytes", "Memory of the proxy that the free places take, an estimate.", room.spare_bytes),
            (
                "journal_bytes",
                "Size of the journal: changes that the proxy's files do not have yet.",
                room.journal_bytes,
            ),
        )
        for name, text, value in facts:
            yield GaugeMetricFamily(f"haloy_proxy_{name}", text, value=value)


def _families(
    kind: str,
    labels: tuple[str, ...],
    rows: Iterable[tuple[tuple[str, ...], Traffic]],
    gauges: tuple[tuple[str, str, str], ...],
) -> Iterator[Metric]:
    listed = sorted(rows, key=lambda row: row[0])
    for attribute, name, text in _COUNTERS:
        counter = CounterMetricFamily(f"haloy_{kind}_{name}", f"{text[:-1]}, by {kind}.", labels=labels)
        for values, traffic in listed:
            counter.add_metric(values, getattr(traffic, attribute))
        yield counter
    for attribute, name, text in gauges:
        gauge = GaugeMetricFamily(f"haloy_{kind}_{name}", f"{text[:-1]}, by {kind}.", labels=labels)
        for values, traffic in listed:
            gauge.add_metric(values, getattr(traffic, attribute))
        yield gauge
