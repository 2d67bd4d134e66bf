"""haloy's own metrics. Traffic metrics are read from the proxy at each scrape (haloy.admin.traffic)."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_APPLY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """One set of metrics on a registry of its own, so that two runtimes in one process do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.cycles = Counter(
            "haloy_cycles",
            "Reconcile cycles by result (applied, unchanged, postponed, failed).",
            ["result"],
            registry=self.registry,
        )
        self.apply_seconds = Histogram(
            "haloy_apply_seconds",
            "Seconds from the start of an apply until it was read back.",
            buckets=_APPLY_BUCKETS,
            registry=self.registry,
        )
        self.reloads = Counter(
            "haloy_reloads",
            "Reloads of the proxy by cause and result (ok, refused); one reload may have several causes.",
            ["reason", "result"],
            registry=self.registry,
        )
        self.runtime_commands = Counter(
            "haloy_runtime_commands", "Commands sent to the proxy's Runtime API.", registry=self.registry
        )
        self.proxy_restarts = Counter(
            "haloy_proxy_restarts", "Times the proxy died and was started again.", registry=self.registry
        )
        self.objects = Gauge(
            "haloy_objects",
            "Objects by kind, condition and status.",
            ["kind", "condition", "status"],
            registry=self.registry,
        )
        self.rejections = Gauge("haloy_rejections", "Documents and files that were rejected.", registry=self.registry)
        self.certificate_expiry = Gauge(
            "haloy_certificate_expiry_seconds",
            "Seconds until a served certificate expires; negative: it has expired.",
            ["certificate"],
            registry=self.registry,
        )
        self.endpoint_health = Gauge(
            "haloy_endpoint_health",
            "1 for the state an endpoint is in (Healthy, Unhealthy, Degraded, Unknown).",
            ["backend", "endpoint", "health"],
            registry=self.registry,
        )
