"""Brings haloy's gauges up to date, once per scrape."""

from collections import Counter

from haloy.clock import Clock
from haloy.metrics import Metrics
from haloy.status.board import StatusBoard


def refresh(metrics: Metrics, board: StatusBoard, clock: Clock) -> None:
    """Set every gauge from the newest statuses. What no longer exists disappears."""
    counts = Counter(
        (status.ref.kind, condition.type.value, condition.status.value)
        for status in board.statuses.values()
        for condition in status.conditions
    )
    metrics.objects.clear()
    for labels, count in counts.items():
        metrics.objects.labels(*labels).set(count)
    metrics.rejections.set(len(board.rejections))
    metrics.endpoint_health.clear()
    for status in board.statuses.values():
        for endpoint in status.endpoints:
            metrics.endpoint_health.labels(status.ref.key, endpoint.key, endpoint.health.value).set(1)
    metrics.certificate_expiry.clear()
    for certificate in board.model.certificates if board.model else ():
        left = (certificate.not_after - clock.now()).total_seconds()
        metrics.certificate_expiry.labels(certificate.name).set(left)
