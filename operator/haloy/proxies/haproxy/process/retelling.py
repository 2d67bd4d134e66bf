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

_CANNOT_BIND = re.compile(r"cannot bind socket \((?P<why>[^()]+)\) for \[(?P<address>[^\[\]/]+:\d+)\]")
_AFTER_A_FAILURE = re.compile(
    r"(Some protocols failed to start their listeners|^exit-on-failure: |^(?:Paused|Resumed) \S+ \S+[.])"
)
"""What a failed start or reload says beside its cause, which is told by another message."""

_NUMBER = re.compile(r"\d+")
_EMPTY = re.compile(r"^(?:backend|proxy) '?([^' ]+)'? has no server available!$")
_LEVELS = {
    Severity.ALERT: logging.ERROR,
    Severity.WARNING: logging.WARNING,
    Severity.NOTICE: logging.DEBUG,
    Severity.DIAG: logging.DEBUG,
}


class Retelling:
    """`retold`, with a memory: every worker complains about its descriptors anew, once is enough for a person."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, alert: Alert) -> tuple[int, str]:
        level, sentence = retold(alert)
        complaint = _DESCRIPTORS.search(alert.text)
        if complaint is None:
            return level, sentence
        kind = _NUMBER.sub("", complaint[0])
        again = kind in self._said
        self._said.add(kind)
        return (logging.DEBUG if again else level), sentence


def retold(alert: Alert) -> tuple[int, str]:
    """The level for `logging`, and the sentence. Pure."""
    empty = _EMPTY.match(alert.text)
    if empty is not None:
        cluster = names.cluster_of(empty[1])
        subject = f"backend {cluster}" if cluster is not None else empty[1]
        return logging.INFO, f"{subject} has no endpoint left that can take requests"
    if _DESCRIPTORS.search(alert.text):
        return logging.INFO, str(alert)
    if closed := cannot_be_opened(alert):
        return logging.ERROR, closed
    if _ROUTINE.match(alert.text) or _AFTER_A_FAILURE.search(alert.text):
        return logging.DEBUG, str(alert)
    return _LEVELS[alert.severity], str(alert)


def cannot_be_opened(alert: Alert) -> str | None:
    """What `alert` says of a port that HAProxy could not open; None: it is about something else."""
    found = _CANNOT_BIND.search(alert.text)
    if found is None:
        return None
    return f"{found['address']} cannot be opened: {found['why']}; choose another with --http or --https"
