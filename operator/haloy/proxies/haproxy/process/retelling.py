"""HAProxy's messages on its standard error, in words that a user knows, and how loud each should be."""

import logging
import re

from haloy.proxies.haproxy import names
from haloy.proxies.haproxy.process.alerts import Alert, Severity

_ROUTINE = re.compile(
    r"^(Proxy \S+ stopped \(cumulated|Former worker \(\d+\) exited with code 0|Server \S+/\S+ is |Server \S+/\S+ "
    r"(remains|administratively)|\S+/\S+ changed its |Exiting Master process|All workers exited|Reexecuting Master|Reloading HAProxy|"
    r"Current worker \(\d+\) exited with code (0|143)\b)"
)
"""What belongs to every reload and stop, and the health of servers, which is observed and reported anyway."""

_DESCRIPTORS = re.compile(r"(Cannot raise FD limit to|FD limit \(\d+\) too low)")
"""The sum assumes a check of every server at the same moment; it is worth knowing, not worth an alarm."""

_EMPTY = re.compile(r"^(?:backend|proxy) '?([^' ]+)'? has no server available!$")
_LEVELS = {
    Severity.ALERT: logging.ERROR,
    Severity.WARNING: logging.WARNING,
    Severity.NOTICE: logging.DEBUG,
    Severity.DIAG: logging.DEBUG,
}


def retold(alert: Alert) -> tuple[int, str]:
    """The level for `logging`, and the sentence. Pure."""
    empty = _EMPTY.match(alert.text)
    if empty is not None:
        cluster = names.cluster_of(empty[1])
        subject = f"backend {cluster}" if cluster is not None else empty[1]
        return logging.INFO, f"{subject} has no endpoint left that can take requests"
    if _DESCRIPTORS.search(alert.text):
        return logging.INFO, str(alert)
    if _ROUTINE.match(alert.text):
        return logging.DEBUG, str(alert)
    return _LEVELS[alert.severity], str(alert)
